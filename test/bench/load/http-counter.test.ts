import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HttpCounter } from "../../../bench/load/http-counter.ts";

const answer = (body: string, head = "Content-Type: text/plain\r\n") =>
  `HTTP/1.1 200 OK\r\n${head}Content-Length: ${body.length}\r\n\r\n${body}`;

/** Bodies that look like heads, for whoever would take them for such. */
const BODIES = ["", "a", "HTTP/1.1 404 No\r\n\r\n", "", "\r\n\r\n".repeat(50)];
const PAYLOAD = BODIES.join("").length;
const stream = Buffer.from(BODIES.map((body) => answer(body)).join(""));

function feedAll(counter: HttpCounter, text: string): number {
  const bytes = Buffer.from(text, "latin1");
  return counter.feed(bytes, 0, bytes.length);
}

describe("HttpCounter", () => {
  test("counts answers that come together", () => {
    const counter = new HttpCounter();
    expect(counter.feed(stream, 0, stream.length)).toBe(BODIES.length);
    expect(counter.payloadBytes).toBe(PAYLOAD);
  });

  test("looks at the given range only", () => {
    const text = answer("body");
    const bytes = Buffer.from(`xx${text}HTTP/1.0`);
    expect(new HttpCounter().feed(bytes, 2, 2 + text.length)).toBe(1);
  });

  test("counts the same, cut at every offset", () => {
    for (let cut = 0; cut <= stream.length; cut++) {
      const counter = new HttpCounter();
      const answers = counter.feed(stream, 0, cut) + counter.feed(stream, cut, stream.length);
      expect([cut, answers, counter.payloadBytes]).toEqual([cut, BODIES.length, PAYLOAD]);
    }
  });

  test("counts the same byte by byte", () => {
    const counter = new HttpCounter();
    let answers = 0;
    for (let i = 0; i < stream.length; i++) answers += counter.feed(stream, i, i + 1);
    expect([answers, counter.payloadBytes]).toEqual([BODIES.length, PAYLOAD]);
  });

  test("counts the same in any cuts, whatever the bodies", () => {
    const cutsOf = (length: number) => fc.array(fc.nat(length), { maxLength: 20 });
    const bodiesAndCuts = fc
      .array(fc.string({ maxLength: 300, unit: "binary-ascii" }), { minLength: 1, maxLength: 10 })
      .map((bodies) => ({ bodies, bytes: Buffer.from(bodies.map((body) => answer(body)).join("")) }))
      .chain(({ bodies, bytes }) => cutsOf(bytes.length).map((cuts) => ({ bodies, bytes, cuts })));
    fc.assert(
      fc.property(bodiesAndCuts, ({ bodies, bytes, cuts }) => {
        const counter = new HttpCounter();
        let at = 0;
        let answers = 0;
        for (const cut of [...cuts.sort((a, b) => a - b), bytes.length]) {
          answers += counter.feed(bytes, at, cut);
          at = cut;
        }
        expect([answers, counter.payloadBytes]).toEqual([bodies.length, bodies.join("").length]);
      }),
    );
  });

  test("finds the length in any case of letters, and not within another header", () => {
    const head = "X-Content-Length: 7\r\ncontent-length:3\r\n";
    expect(feedAll(new HttpCounter(), `HTTP/1.1 200 OK\r\n${head}\r\nabc`)).toBe(1);
  });

  test.each([
    ["another status", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"],
    ["no length", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
    ["a length behind the head", "HTTP/1.1 200 OK\r\n\r\nContent-Length: 3\r\n"],
    ["no HTTP", "SSH-2.0-OpenSSH\r\n\r\n"],
    ["a head without an end", `HTTP/1.1 200 OK\r\nX: ${"x".repeat(9000)}`],
  ])("says of %s that it cannot be counted", (_what, text) => {
    expect(feedAll(new HttpCounter(), text)).toBe(-1);
    const counter = new HttpCounter();
    const counts = Array.from(text, (letter) => feedAll(counter, letter));
    expect(counts).toContain(-1);
  });
});
