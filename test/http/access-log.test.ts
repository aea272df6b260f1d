import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import {
  type AccessLogEntry,
  combinedLine,
  commonLine,
  escaped,
  logTime,
} from "../../lib/http/access-log.ts";

const entry: AccessLogEntry = {
  time: 971_211_336_789,
  remoteAddress: "192.0.2.1",
  method: "GET",
  target: "/apache_pb.gif?a=b",
  httpVersion: "1.0",
  referer: "http://www.example.com/start.html",
  userAgent: "Mozilla/4.08 [en] (Win98; I ;Nav)",
  status: 200,
  bytes: 2326,
  durationMs: 5,
};

const zone = process.env["TZ"];
afterEach(() => {
  if (zone === undefined) delete process.env["TZ"];
  else process.env["TZ"] = zone;
});

describe("a line of the access log", () => {
  it("in the Common Log Format is as the servers write it", () => {
    expect(commonLine(entry)).toBe(
      `192.0.2.1 - - [${logTime(entry.time)}] "GET /apache_pb.gif?a=b HTTP/1.0" 200 2326`,
    );
  });

  it("in the Combined Log Format has Referer and User-Agent besides", () => {
    expect(combinedLine(entry)).toBe(
      `${commonLine(entry)} "http://www.example.com/start.html" "Mozilla/4.08 [en] (Win98; I ;Nav)"`,
    );
  });

  it("has a dash for what is not known", () => {
    const bare = {
      ...entry,
      remoteAddress: "",
      method: "",
      target: "",
      referer: "",
      userAgent: "",
      status: 400,
    };
    expect(combinedLine(bare)).toBe(`- - - [${logTime(entry.time)}] "-" 400 2326 "-" "-"`);
  });

  it("cannot be forged: quotes, backslashes, controls and what is not ASCII are escaped", () => {
    expect(escaped('a"b\\c')).toBe("a\\x22b\\x5Cc");
    expect(escaped("\r\n\t\0\x1b[31m\x7f\xe9")).toBe("\\x0D\\x0A\\x09\\x00\\x1B[31m\\x7F\\xE9");
    expect(escaped("\u2028")).toBe("\\u2028");
    expect(escaped("plain text!")).toBe("plain text!");
  });

  it("is one line of visible ASCII, with six quotes, whatever a peer sends", () => {
    const text = fc.string({ unit: "binary", maxLength: 40 });
    fc.assert(
      fc.property(text, text, text, (target, referer, userAgent) => {
        const line = combinedLine({ ...entry, target, referer, userAgent });
        expect(line).toMatch(/^[\x20-\x7e]*$/);
        expect(line.split('"')).toHaveLength(7);
      }),
    );
  });
});

describe("the time of a line", () => {
  // Each at another second, because the text is kept for one.
  it.each([
    ["UTC", 971_211_336_000, "10/Oct/2000:20:55:36 +0000"],
    ["America/Los_Angeles", 971_211_337_000, "10/Oct/2000:13:55:37 -0700"],
    ["Asia/Kolkata", 971_211_338_000, "11/Oct/2000:02:25:38 +0530"],
    ["America/St_Johns", 978_307_199_000, "31/Dec/2000:20:29:59 -0330"],
  ])("in %s at %i is %s", (name, time, text) => {
    process.env["TZ"] = name;
    expect(logTime(time)).toBe(text);
    expect(logTime(time + 999)).toBe(text);
  });
});
