import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type FileFacts, factsOf } from "../../lib/serve/facts.ts";
import { type Plan, planReply } from "../../lib/serve/plan.ts";

const NOW = Date.UTC(2025, 5, 1);
const BYTES = "0123456789";
const DATE = "Sun, 06 Nov 1994 08:49:37 GMT";
const ETAG = '"hpv5p4z5sw-a"';

function facts(given: Partial<FileFacts> = {}, size = BYTES.length): FileFacts {
  const state = { size, mtime: Date.parse(DATE), ctime: 0, ino: 1, dev: 1 };
  return { ...factsOf(state, { contentType: "text/plain" }, NOW), etag: ETAG, ...given };
}

const plan = (headers: Record<string, string>, method = "GET", file = facts()) =>
  planReply(method, new Map(Object.entries(headers)), file, NOW);
const range = (value: string, file = facts()) => plan({ range: `bytes=${value}` }, "GET", file);

/** The body that a plan makes of the file. */
const bodyOf = ({ parts }: Plan, bytes = BYTES) =>
  parts.map(({ text, start, end }) => text + bytes.slice(start, end)).join("");

const VALIDATORS = { etag: ETAG, "last-modified": DATE };

describe("a plan without conditions", () => {
  it("is the whole file with all that there is to say of it", () => {
    const mount = { encoding: "br", vary: "Accept-Encoding", cacheControl: "no-cache" };
    expect(plan({}, "GET", facts(mount))).toEqual({
      status: 200,
      headers: {
        "content-type": "text/plain",
        "content-encoding": "br",
        ...VALIDATORS,
        "cache-control": "no-cache",
        vary: "Accept-Encoding",
        "accept-ranges": "bytes",
      },
      parts: [{ text: "", start: 0, end: 10 }],
      length: 10,
    });
  });

  it("is the same object each time, by HEAD too", () => {
    const file = facts();
    expect(plan({}, "GET", file)).toBe(plan({}, "GET", file));
    expect(plan({}, "HEAD", file)).toBe(plan({}, "GET", file));
    expect(plan({ range: "bytes=0-1" }, "HEAD", file)).toBe(plan({}, "GET", file));
  });
});

describe("row 78: a range", () => {
  it.each([
    ["0-4", "01234", "bytes 0-4/10"],
    ["-5", "56789", "bytes 5-9/10"],
    ["9-", "9", "bytes 9-9/10"],
    ["0-99999999999999999999", BYTES, "bytes 0-9/10"],
    ["0-1,100-", "01", "bytes 0-1/10"],
    ["0-3,2-5,6-", BYTES, "bytes 0-9/10"],
  ])("%s is sent as 206", (asked, body, told) => {
    const answer = range(asked);
    expect(answer).toMatchObject({ status: 206, headers: { "content-range": told, ...VALIDATORS } });
    expect(answer.headers["content-type"]).toBe("text/plain");
    expect([bodyOf(answer), answer.length]).toEqual([body, body.length]);
  });

  it.each(["5-2", "100-", "10-", "-0", "100-,200-"])("%s is 416 with the size", (asked) => {
    const answer = range(asked);
    expect(answer).toMatchObject({ status: 416, headers: { "content-range": "bytes */10" } });
    expect(bodyOf(answer)).toContain("416 Range Not Satisfiable");
    expect(answer.length).toBe(bodyOf(answer).length);
    expect(answer.headers).not.toHaveProperty("etag");
  });

  it.each(["abc", "items=", "items=0-1", "bytes=0x0-", `bytes=${"0-0,".repeat(2000)}`])(
    "%s is ignored",
    (value) => {
      const file = facts();
      expect(plan({ range: value }, "GET", file)).toBe(plan({}, "GET", file));
    },
  );

  it("of an empty file is 416, but for its last bytes, of which there are none", () => {
    const empty = facts({}, 0);
    expect(range("0-", empty)).toMatchObject({ status: 416, headers: { "content-range": "bytes */0" } });
    expect(range("-5", empty)).toMatchObject({ status: 200, length: 0 });
    expect(range("-0", empty).status).toBe(416);
  });

  it("is of GET only", () => {
    expect(plan({ range: "bytes=0-1" }, "HEAD").status).toBe(200);
    expect(plan({ range: "bytes=5-2" }, "HEAD").status).toBe(200);
  });
});

describe("several ranges", () => {
  it("come as multipart/byteranges, to the byte", () => {
    const answer = range("7-8,0-1");
    const type = String(answer.headers["content-type"]);
    const boundary = /^multipart\/byteranges; boundary=([0-9a-f-]{36})$/.exec(type)?.[1];
    const body =
      `--${boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes 7-8/10\r\n\r\n78\r\n` +
      `--${boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01\r\n` +
      `--${boundary}--\r\n`;
    expect(answer.status).toBe(206);
    expect(bodyOf(answer)).toBe(body);
    expect(answer.length).toBe(body.length);
    expect(answer.headers).not.toHaveProperty("content-range");
    expect(answer.headers).toMatchObject(VALIDATORS);
  });

  it("have a boundary that nobody can know before", () => {
    expect(range("0-1,4-5").headers["content-type"]).not.toBe(range("0-1,4-5").headers["content-type"]);
  });

  it("are the whole file where it is encoded, or its type would break the parts", () => {
    expect(range("0-1,4-5", facts({ encoding: "br" })).status).toBe(200);
    expect(range("0-1", facts({ encoding: "br" })).status).toBe(206);
    expect(range("0-1,4-5", facts({ contentType: "a/b\r\nX: y" })).status).toBe(200);
  });

  it("always have the length that is the sum of their parts, which lie within the file", () => {
    const spec = fc.tuple(fc.nat(120), fc.nat(30)).map(([first, more]) => `${first}-${first + more}`);
    const bytes = "x".repeat(100);
    fc.assert(
      fc.property(fc.array(spec, { minLength: 1, maxLength: 20 }), (specs) => {
        const answer = range(specs.join(","), facts({}, 100));
        expect(Buffer.from(bodyOf(answer, bytes), "latin1").length).toBe(answer.length);
        expect(answer.parts.every(({ start, end }) => 0 <= start && start <= end && end <= 100)).toBe(true);
        expect(answer.length).toBeLessThan(100 + 17 * 150);
      }),
    );
  });
});

describe("conditions", () => {
  it("come to 304 with what is said of caching, and nothing of contents", () => {
    const mount = { encoding: "br", vary: "Accept-Encoding", cacheControl: "no-cache" };
    for (const method of ["GET", "HEAD"]) {
      expect(plan({ "if-none-match": `W/${ETAG}` }, method, facts(mount))).toEqual({
        status: 304,
        headers: { ...VALIDATORS, "cache-control": "no-cache", vary: "Accept-Encoding" },
        parts: [],
        length: 0,
      });
    }
  });

  it("come to 412 with a page", () => {
    const answer = plan({ "if-match": '"x"' }, "GET", facts({ vary: "Accept-Encoding" }));
    expect(answer).toMatchObject({ status: 412, headers: { vary: "Accept-Encoding" } });
    expect(bodyOf(answer)).toContain("412 Precondition Failed");
  });

  it("go before Range", () => {
    const unsatisfiable = { range: "bytes=100-" };
    expect(plan({ "if-none-match": ETAG, ...unsatisfiable }).status).toBe(304);
    expect(plan({ "if-match": '"x"', ...unsatisfiable }).status).toBe(412);
    expect(plan({ "if-match": ETAG, ...unsatisfiable }).status).toBe(416);
  });

  it("row 79: If-Range that does not fit, or is weak, gets the whole file", () => {
    const asking = (ifRange: string) => plan({ range: "bytes=0-1", "if-range": ifRange }).status;
    expect([ETAG, DATE].map(asking)).toEqual([206, 206]);
    expect([`W/${ETAG}`, '"x"', "Sun, 06 Nov 1994 08:49:38 GMT"].map(asking)).toEqual([200, 200, 200]);
    expect(plan({ range: "bytes=100-", "if-range": '"x"' }).status, "instead of 416").toBe(200);
    expect(plan({ "if-range": '"x"' }).status, "without Range").toBe(200);
  });
});
