import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { httpDate, parseHttpDate } from "../../lib/http/http-date.ts";

const NOW = Date.UTC(2025, 5, 1);
const at = (text: string) => parseHttpDate(text, NOW);

describe("an HTTP date", () => {
  it.each([
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "Sunday, 06-Nov-94 08:49:37 GMT",
    "Sun Nov  6 08:49:37 1994",
    "Mon, 06 Nov 1994 08:49:37 GMT",
  ])("is read in each form of RFC 9110 section 5.6.7: %s", (text) => {
    expect(at(text)).toBe(Date.UTC(1994, 10, 6, 8, 49, 37));
  });

  it("takes a year of two digits for the nearest that is not more than 50 years ahead", () => {
    expect(at("Sunday, 06-Nov-75 08:49:37 GMT")).toBe(Date.UTC(2075, 10, 6, 8, 49, 37));
    expect(at("Sunday, 06-Nov-76 08:49:37 GMT")).toBe(Date.UTC(1976, 10, 6, 8, 49, 37));
    expect(parseHttpDate("Sunday, 06-Nov-01 08:49:37 GMT", Date.UTC(2090, 0))).toBe(
      Date.UTC(2101, 10, 6, 8, 49, 37),
    );
  });

  it("knows leap days and leap seconds", () => {
    expect(at("Thu, 29 Feb 2024 00:00:00 GMT")).toBe(Date.UTC(2024, 1, 29));
    expect(at("Sat, 31 Dec 2016 23:59:60 GMT")).toBe(Date.UTC(2017, 0, 1));
    expect(at("Mon, 01 Jan 0001 00:00:00 GMT")).toBeLessThan(Date.UTC(100, 0));
  });

  it.each([
    "",
    "0",
    "1994-11-06T08:49:37Z",
    "Sun, 6 Nov 1994 08:49:37 GMT",
    "Sun, 06 nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:37 UTC",
    "Sun, 06 Nov 1994 08:49:37 +0000",
    "Sun, 06 Nov 1994 08:49:37",
    " Sun, 06 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 24:00:00 GMT",
    "Sun, 06 Nov 1994 08:60:00 GMT",
    "Sun, 06 Nov 1994 08:49:61 GMT",
    "Sun, 31 Nov 1994 08:49:37 GMT",
    "Sun, 00 Nov 1994 08:49:37 GMT",
    "Tue, 29 Feb 2023 00:00:00 GMT",
    "Sun Nov 00 08:49:37 1994",
    "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
  ])("is none: %j", (text) => expect(at(text)).toBeUndefined());

  it("that was written is read as the same second", () => {
    fc.assert(
      fc.property(fc.date({ min: new Date(0), max: new Date("9999-12-31"), noInvalidDate: true }), (date) => {
        const seconds = Math.floor(date.getTime() / 1000) * 1000;
        expect(at(httpDate(date.getTime()))).toBe(seconds);
      }),
    );
  });
});
