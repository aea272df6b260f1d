import { describe, expect, it } from "vitest";
import { type BodyOwner, RequestBody } from "../../lib/engine/request-body.ts";
import type { BodyTaker } from "../../lib/engine/serving.ts";
import { type RequestHead, readRequest } from "../../lib/http/request-head.ts";

const limits = { maxHeaderBytes: 1000, maxHeaderCount: 10, maxBodyBytes: 100 };
const headOf = (fields: string) => readRequest(`POST / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`) as RequestHead;

/** A body, and what its owner and takers are told. */
function bodyOf(fields: string) {
  const told: string[] = [];
  const owner: BodyOwner = {
    tellBody: (bytes) => void told.push(`callback ${bytes}`),
    bodyOver: (calledBack) => void told.push(calledBack ? "completion" : "over"),
    paceBody: (flows) => void told.push(flows ? "flows" : "held"),
  };
  const taker = (more = true): BodyTaker => ({
    onBody: (bytes) => told.push(`taker ${bytes}`) > 0 && more,
    onBodyEnd: () => void told.push("taker end"),
    onBodyFailed: (error) => void told.push(`taker ${(error as NodeJS.ErrnoException).code}`),
  });
  const body = new RequestBody(owner, headOf(fields), limits);
  const feed = (text: string) => body.feed(Buffer.from(text), 0, text.length);
  return { told, body, taker, feed };
}

const FIVE = "Content-Length: 5\r\n";
const read = expect.objectContaining({ code: "ERR_BODY_READ" });

describe("the body of a request", () => {
  it("goes to the callbacks when nobody takes it, and then to nobody else", () => {
    const { told, body, taker, feed } = bodyOf(FIVE);
    feed("ab");
    expect(() => body.take(taker())).toThrow(read);
    feed("cde");
    expect(told).toEqual(["callback ab", "callback cde", "completion"]);
    expect(body).toMatchObject({ over: true, flows: false });
  });

  it("goes to one taker from its first byte on, and to no callback", () => {
    const { told, body, taker, feed } = bodyOf(FIVE);
    body.take(taker());
    expect(() => body.take(taker())).toThrow(read);
    feed("abcde");
    expect(told).toEqual(["taker abcde", "taker end", "over"]);
  });

  it.each([
    ["the promise is kept", (body: RequestBody) => body.release(), "callback a"],
    ["the user asks for it", (body: RequestBody) => body.hold(false), "callback a"],
  ])("is held while a promise is pending, until %s", (_when, act, expected) => {
    const { told, body, feed } = bodyOf(FIVE);
    body.wait();
    expect(body).toMatchObject({ flows: false, waiting: true, held: false });
    act(body);
    feed("a");
    expect(told).toEqual(["held", "flows", expected]);
  });

  it("is held while a promise is pending, until a taker comes", () => {
    const { told, body, taker, feed } = bodyOf(FIVE);
    body.wait();
    body.take(taker());
    feed("a");
    body.release();
    expect(told).toEqual(["held", "flows", "taker a"]);
  });

  it("stops for a taker that is full, and goes on when it asks, though the end alone is left", () => {
    const { told, body, taker, feed } = bodyOf(FIVE);
    const flow = body.take(taker(false));
    expect(feed("abcde")).toBe(5);
    expect(body).toMatchObject({ held: true, flows: false, over: false });
    flow.resume();
    feed("");
    expect(told).toEqual(["taker abcde", "held", "flows", "taker end", "over"]);
  });

  it("is dropped to its end when the taker leaves", () => {
    const { told, body, taker, feed } = bodyOf(FIVE);
    const flow = body.take(taker(false));
    feed("ab");
    flow.leave();
    feed("cde");
    expect(told).toEqual(["taker ab", "held", "flows", "over"]);
    expect(() => body.take(taker())).toThrow(read);
  });

  it("is dropped when the reply is complete, and its taker hears so", () => {
    const { told, body, taker, feed } = bodyOf(FIVE);
    body.take(taker());
    feed("ab");
    body.drop();
    body.drop();
    feed("cde");
    expect(told).toEqual(["taker ab", "taker ERR_BODY_ABORTED", "over"]);
  });

  it("tells its taker once that the request has ended", () => {
    const { told, body, taker } = bodyOf(FIVE);
    body.take(taker());
    for (let i = 0; i < 2; i++) body.end(() => Object.assign(new Error(), { code: "ECONNRESET" }));
    body.release();
    body.leave();
    expect(told).toEqual(["held", "taker ECONNRESET"].slice(1));
  });

  it("is over at once where there is none", () => {
    const { told, body, taker } = bodyOf("");
    expect(body).toMatchObject({ over: true, flows: false, fault: undefined });
    body.wait();
    body.take(taker());
    expect(told).toEqual(["taker end"]);
    expect(() => body.take(taker())).toThrow(read);
  });

  it("that is announced to be too large has a fault from the start", () => {
    expect(bodyOf("Content-Length: 101\r\n").body.fault).toMatchObject({ status: 413 });
  });
});
