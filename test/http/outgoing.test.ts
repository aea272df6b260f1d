import { describe, expect, it } from "vitest";
import { checkHeader, checkHeaders, DefaultHeaders, OutgoingFields } from "../../lib/http/outgoing.ts";

// What cannot be sent is in response.test.ts, through the head that it would stand in.

describe("headers of the application", () => {
  it("become lines in their order, several of a name one each", () => {
    const { text, defaultText } = new OutgoingFields().add({ "X-A": 1, b: ["2", "3"], "content-type": "x" });
    expect(text).toBe("X-A: 1\r\nb: 2\r\nb: 3\r\ncontent-type: x\r\n");
    expect(defaultText).toBe("");
  });

  it("that concern the message are kept apart, as they are written", () => {
    const fields = new OutgoingFields().add({ DATE: "now", Connection: "x, Close", "Content-Length": "12" });
    expect(fields).toMatchObject({
      text: "",
      typed: false,
      closes: true,
      contentLength: 12,
      dateLine: "DATE: now\r\n",
      connectionLine: "Connection: x, Close\r\n",
      lengthLine: "Content-Length: 12\r\n",
    });
    expect(new OutgoingFields().add({ connection: "closed" }).closes).toBe(false);
    expect(new OutgoingFields().add({ "CONTENT-type": "x" }).typed).toBe(true);
  });

  it("may be added to, and the last length counts", () => {
    const fields = new OutgoingFields().add({ a: 1, "content-length": 1 }).add({ a: 2, "Content-Length": 2 });
    expect(fields).toMatchObject({
      text: "a: 1\r\na: 2\r\n",
      contentLength: 2,
      lengthLine: "Content-Length: 2\r\n",
    });
  });

  it("row 17: are refused as they are walked, again and again", () => {
    for (const name of ["a b", "", "transfer-encoding", "Transfer-Encoding"]) {
      for (let i = 0; i < 3; i++)
        expect(() => new OutgoingFields().add({ [name]: "x" }), name).toThrow(TypeError);
    }
    for (const value of ["a\nb", undefined, null, {}, ["a", 5n], Number.NaN, Symbol("s")])
      expect(() => new OutgoingFields().add({ a: value as string })).toThrow(TypeError);
    for (const value of ["x", ["1", "2"], [], -1]) {
      const wrong = { "content-length": value as string };
      expect(() => new OutgoingFields().add(wrong), String(value)).toThrow(TypeError);
    }
  });

  it("may be named like what every object has", () => {
    const headers = JSON.parse('{ "__proto__": "a", "constructor": "b", "toString": "c" }');
    expect(new OutgoingFields().add(headers).text).toBe("__proto__: a\r\nconstructor: b\r\ntoString: c\r\n");
    expect(() => checkHeaders(headers)).not.toThrow();
  });

  it("may have more names than are kept in mind", () => {
    for (let i = 0; i < 2000; i++) expect(() => checkHeader(`x-${i}`, "v")).not.toThrow();
    expect(() => checkHeader("x 1", "v")).toThrow(TypeError);
  });
});

describe("headers that every reply has", () => {
  const defaults = new DefaultHeaders({ "X-One": "1", "X-Two": "2" });

  it("are text that is made once", () => {
    expect(defaults.text).toBe("X-One: 1\r\nX-Two: 2\r\n");
    expect(new OutgoingFields(defaults).add({ a: 1 }).defaultText).toBe(defaults.text);
  });

  it("make way for the application's own of the same name", () => {
    const fields = new OutgoingFields(defaults).add({ "x-TWO": "mine" });
    expect(fields.text + fields.defaultText).toBe("x-TWO: mine\r\nX-One: 1\r\n");
  });

  it("are checked like any other", () => {
    expect(() => new DefaultHeaders({ "X-A": "a\r\nb" })).toThrow(TypeError);
  });
});
