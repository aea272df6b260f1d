import fc from "fast-check";
import { expect, it } from "vitest";
import { MAX_PART_BYTES, makePart, readPart } from "../../protocols/lws-status/part.ts";
import { id, reportOf, reports } from "./status-reports.ts";

const MARK = "\0lws-status 1 ";
const made = (json: unknown) => Buffer.from(MARK + JSON.stringify(json));

it("carries the sessions of a context", () => {
  const part = { id: id(1), sessions: [reportOf(), reportOf({ userAgent: "küche \u{1f6aa}" })] };
  expect(makePart({ id: id(1), sessions: [] }).toString()).toBe(`${MARK}{"id":"${id(1)}","sessions":[]}`);
  expect(readPart(makePart(part))).toEqual(part);
});

it("holds as many sessions as fit, each of them whole", () => {
  const bytes = makePart({ id: id(1), sessions: reports(5000) });
  expect(bytes.length).toBeLessThanOrEqual(MAX_PART_BYTES);
  expect(bytes.length).toBeGreaterThan(MAX_PART_BYTES - 400);
  const { sessions } = readPart(bytes)!;
  expect(sessions).toEqual(reports(sessions.length));
});

it.each<[string, Buffer]>([
  ["an application's own message", Buffer.from("hello")],
  ["an empty one", Buffer.alloc(0)],
  [
    "another version",
    Buffer.from(
      makePart({ id: id(1), sessions: [] })
        .toString()
        .replace("1 {", "2 {"),
    ),
  ],
  ["no JSON", Buffer.from(`${MARK}{`)],
  ["bytes that are no UTF-8", Buffer.from(`${MARK}"\xff"`, "latin1")],
  ["null", made(null)],
  ["a list", made([id(1), []])],
  ["no id", made({ id: 1, sessions: [] })],
  ["an id in capitals", made({ id: "A".repeat(32), sessions: [] })],
  ["no list of sessions", made({ id: id(1), sessions: { length: 1 } })],
  ["a field more", made({ id: id(1), sessions: [], more: 1 })],
  ["one wrong session among right ones", made({ id: id(1), sessions: [reportOf(), {}] })],
  ["deep brackets", Buffer.from(MARK + "[".repeat(200_000))],
  ["what is too long", made({ id: id(1), sessions: reports(5000) })],
])("is not %s", (_, bytes) => {
  expect(readPart(bytes)).toBe(undefined);
});

it("is not what is cut, at any place", () => {
  const bytes = makePart({ id: id(1), sessions: [reportOf()] });
  for (let end = 0; end < bytes.length; end++) expect(readPart(bytes.subarray(0, end))).toBe(undefined);
});

it("is not, or holds true reports only, when a byte is changed", () => {
  const bytes = makePart({ id: id(1), sessions: [reportOf()] });
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
      const changed = Buffer.from(bytes);
      changed[at] = value;
      const part = readPart(changed);
      return part === undefined || makePart(part).length <= bytes.length + 5;
    }),
  );
});
