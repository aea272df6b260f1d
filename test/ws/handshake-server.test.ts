import { describe, expect, it } from "vitest";
import { type RequestHead, readRequest } from "../../lib/http/request-head.ts";
import {
  acceptValue,
  asksForWebSocket,
  checkUpgrade,
  isKey,
  isProtocolName,
  parseProtocols,
} from "../../lib/ws/handshake-server.ts";
import { ACCEPT, KEY, type RequestOptions, upgradeRequest } from "../support/frames.ts";

/** The head of an upgrade request that is valid but for what the options change. */
function head(options: RequestOptions = {}): RequestHead {
  const read = readRequest(upgradeRequest(options));
  if (!("raw" in read)) throw new Error(`the head itself is refused with ${read.status}`);
  return read;
}

const headers = (each: RequestOptions["headers"] & object) => head({ headers: each });

/** The status that a request is refused with; 101 when it is not. */
function status(options: RequestOptions): number {
  const result = checkUpgrade(head(options));
  return result.ok ? 101 : result.status;
}

describe("the accept value", () => {
  it("is that of the example in RFC 6455 section 4.2.2", () => expect(acceptValue(KEY)).toBe(ACCEPT));

  it("depends on every character of the key, not on what the key decodes to", () => {
    expect(acceptValue("x3JJHMbDL1EzLkh9GBhXDw==")).toBe("HSmrc0sMlYUkAGmm5OPpG2HaGWk=");
    expect(acceptValue("x3JJHMbDL1EzLkh9GBhXDx==")).not.toBe("HSmrc0sMlYUkAGmm5OPpG2HaGWk=");
  });
});

describe("a request", () => {
  it.each([
    ["as section 4.1 has it", {}],
    ["with names and tokens in any case", { Upgrade: "WebSocket", Connection: "UPGRADE" }],
    ["row 8: with websocket in a list", { Upgrade: "websocket, h2c" }],
    ["row 8: with websocket last in a list", { Upgrade: "h2c,  WebSocket" }],
    ["row 8: with websocket in one of two headers", { Upgrade: ["h2c", "websocket"] }],
    ["row 9: with Connection as a list", { Connection: "keep-alive, Upgrade" }],
  ])("asks for a WebSocket %s", (_how, each) => {
    expect(asksForWebSocket(headers(each))).toBe(true);
    expect(checkUpgrade(headers(each))).toMatchObject({ ok: true });
  });

  it.each([
    ["row 8: with another upgrade", { Upgrade: "foo" }],
    ["row 8: with a longer name", { Upgrade: "websockets" }],
    ["row 8: with another name of nine characters", { Upgrade: "websocked" }],
    ["row 8: with a version of it", { Upgrade: "websocket/13" }],
    ["row 9: with keep-alive alone", { Connection: "keep-alive" }],
    ["without Upgrade", { Upgrade: null }],
    ["without Connection", { Connection: null }],
    ["with an empty Upgrade", { Upgrade: "" }],
  ])("is ordinary HTTP %s", (_how, each) => expect(asksForWebSocket(headers(each))).toBe(false));

  it("is ordinary HTTP when the name has a byte A0 behind it, which is no blank", () => {
    expect(asksForWebSocket(headers({ Upgrade: "h2c, websocket\xa0" }))).toBe(false);
  });
});

describe("an upgrade", () => {
  it("that is valid is offered with key, sub-protocols and extensions", () => {
    const offer = checkUpgrade(
      headers({ "Sec-WebSocket-Protocol": "b, a", "Sec-WebSocket-Extensions": "permessage-deflate; x" }),
    );
    expect(offer).toEqual({
      ok: true,
      key: KEY,
      protocols: ["b", "a"],
      extensions: [{ name: "permessage-deflate", parameters: new Map([["x", null]]) }],
    });
  });

  it.each(["a;", "a b", 'a; b="c', "=", ""])(
    "with extensions that break their grammar is refused with 400: %s",
    (value) => {
      expect(checkUpgrade(headers({ "Sec-WebSocket-Extensions": value }))).toMatchObject({ status: 400 });
    },
  );

  it("that asks for nothing more is offered without", () => {
    expect(checkUpgrade(head())).toEqual({ ok: true, key: KEY, protocols: [], extensions: [] });
  });

  it.each(["POST", "HEAD", "PUT", "OPTIONS", "get"])(
    "row 1: by %s is refused with 405 and Allow",
    (method) => {
      expect(checkUpgrade(head({ method }))).toMatchObject({
        ok: false,
        status: 405,
        headers: { allow: "GET" },
      });
    },
  );

  it("row 2: of HTTP/1.0 is refused with 400", () => expect(status({ version: "HTTP/1.0" })).toBe(400));

  it.each([
    ["is missing", null],
    ["is empty", ""],
    ["is no base64", "!!!!!!!!!!!!!!!!!!!!!!=="],
    ["is base64 of 15 bytes", Buffer.alloc(15).toString("base64")],
    ["is base64 of 17 bytes", Buffer.alloc(17).toString("base64")],
    ["is base64url", "____________________-w=="],
    ["has no pads", KEY.slice(0, 22)],
    ["has one pad", KEY.slice(0, 23)],
    ["has a blank inside", "dGhlIHNhbXBsZSBu b25jZ=="],
    ["is sent twice", [KEY, KEY]],
    ["row 5: has its unused bits set", "dGhlIHNhbXBsZSBub25jZR=="],
  ])("row 4: whose key %s is refused with 400", (_how, key) => {
    expect(status({ headers: { "Sec-WebSocket-Key": key } })).toBe(400);
  });

  it("takes every last digit that has no unused bits", () => {
    for (const digit of "AQgw") {
      const key = `dGhlIHNhbXBsZSBub25jZ${digit}==`;
      expect(Buffer.from(key, "base64").toString("base64")).toBe(key);
      expect(status({ headers: { "Sec-WebSocket-Key": key } })).toBe(101);
    }
  });

  it.each([null, "", "12", "13, 8", "0x0d", "13.0", "8", "013", ["13", "13"]])(
    "row 6: of version %j is refused with 426 and the right one",
    (version) => {
      const refusal = checkUpgrade(headers({ "Sec-WebSocket-Version": version }));
      expect(refusal).toMatchObject({ ok: false, status: 426, headers: { "sec-websocket-version": "13" } });
    },
  );

  it.each([{ "Content-Length": "8" }, { "Transfer-Encoding": "chunked" }])(
    "row 10: with a body, %j, is refused with 400",
    (each) => expect(status({ headers: each })).toBe(400),
  );

  it("with Content-Length: 0 has no body", () => {
    expect(status({ headers: { "Content-Length": "0" } })).toBe(101);
  });

  it.each(["a,,b", "a, a", "a b", "", ",", "a,", 'a;b="c"', "ä", "a\xa0"])(
    "row 11: for the sub-protocols %j is refused with 400",
    (list) => expect(status({ headers: { "Sec-WebSocket-Protocol": list } })).toBe(400),
  );

  it("row 11: with two headers of sub-protocols has them in one list, where none may be twice", () => {
    const twice = (...lists: string[]) => checkUpgrade(headers({ "Sec-WebSocket-Protocol": lists }));
    expect(twice("a, b", "c")).toMatchObject({ protocols: ["a", "b", "c"] });
    expect(twice("a, b", "a")).toMatchObject({ ok: false, status: 400 });
  });

  it("tells in each refusal what is wrong, in a sentence that is ours", () => {
    for (const options of [{ method: "POST" }, { headers: { "Sec-WebSocket-Key": "<script>" } }]) {
      const refusal = checkUpgrade(head(options));
      expect(refusal).toMatchObject({ message: expect.stringMatching(/^[\w .,/-]+$/) });
      expect(Object.isFrozen(refusal)).toBe(true);
    }
  });
});

describe("a list of sub-protocols", () => {
  it.each([
    [undefined, []],
    ["chat", ["chat"]],
    ["b, a", ["b", "a"]],
    ["a\t,  b ", ["a", "b"]],
    ["v1.chat!#$%&'*+-^_`|~", ["v1.chat!#$%&'*+-^_`|~"]],
    ["a, A", ["a", "A"]],
    ["constructor,__proto__", ["constructor", "__proto__"]],
  ])("%j is %j", (value, names) => expect(parseProtocols(value)).toEqual(names));

  it.each(["", " ", ",", "a,", ",a", "a,,b", "a, a", "a b", "a/b", '"a"', "\xa0a", "a\u2003"])(
    "row 11: %j is none",
    (value) => expect(parseProtocols(value)).toBeNull(),
  );

  it("row 11: of 12 000 blanks inside a name is refused without going over them again and again", () => {
    const value = `b${" ".repeat(12_000)}x`;
    // Ten thousand times over: 0.1 s when it is linear, most of an hour when it is quadratic.
    for (let i = 0; i < 10_000; i++) parseProtocols(value);
    expect(parseProtocols(value)).toBeNull();
  });
});

describe("the name of a protocol", () => {
  it.each(["chat", "lws-mirror-protocol", "a.b", "!"])("may be %s", (name) =>
    expect(isProtocolName(name)).toBe(true),
  );

  it.each(["", "a b", "a,b", "a\r\nb", "a\n", "ä", "a/b", "(a)"])("row 17: may not be %j", (name) =>
    expect(isProtocolName(name)).toBe(false),
  );
});

it("a key is 16 bytes in base64, as an encoder writes them", () => {
  expect(isKey(KEY)).toBe(true);
  for (const wrong of ["", KEY.slice(1), `${KEY}=`, KEY.replace("Q==", "R=="), KEY.replace("==", "")]) {
    expect(isKey(wrong)).toBe(false);
  }
});
