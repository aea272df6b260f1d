import { expect, it } from "vitest";
import type { Wsi } from "../../lib/api.ts";
import { httpRequest } from "../support/frames.ts";
import { describeLoops, type Hook, startServer } from "../support/server.ts";

const bodyOf = (body: string | Buffer, type: string | null, headers = {}) => {
  const head = httpRequest({
    method: "POST",
    headers: { "Content-Length": String(body.length), "Content-Type": type, ...headers },
  });
  return Buffer.concat([Buffer.from(head), Buffer.from(body as string)]);
};

describeLoops("readJson", (loop) => {
  const serving = (http: Hook) => startServer({ eventLoop: loop, on: { HTTP: http } });
  const echo = async (wsi: Wsi) => wsi.httpReply(200, {}, JSON.stringify(await wsi.readJson()));

  it.each([
    ["application/json", '{"a":[1,"ä"]}'],
    ["application/json; charset=UTF-8", "null"],
    ['Application/JSON;charset="utf-8"', "1"],
    ["application/problem+json", '""'],
  ])("reads %s", async (type, body) => {
    const server = await serving(echo);
    expect(await server.ask(bodyOf(Buffer.from(body), type))).toMatchObject({
      status: 200,
      body: Buffer.from(body),
    });
  });

  it("skips a byte order mark", async () => {
    const server = await serving(echo);
    const reply = await server.ask(bodyOf(Buffer.from("efbbbf5b5d", "hex"), "application/json"));
    expect(String(reply.body)).toBe("[]");
  });

  it.each([
    ["text/plain", {}],
    ["application/jsonp", {}],
    [null, {}],
    ["application/json; charset=utf-16", {}],
    ["application/json", { "Content-Encoding": "gzip" }],
  ])("is 415 for %s %j", async (type, headers) => {
    const server = await serving(echo);
    expect((await server.ask(bodyOf("{}", type, headers))).status).toBe(415);
  });

  it.each([
    ["no JSON", "{a:1}"],
    ["nothing", ""],
    ["no UTF-8", Buffer.from("22ff22", "hex")],
    ["a character that is cut", Buffer.from("22c3", "hex")],
  ])("is 400 for %s", async (_what, body) => {
    const server = await serving(echo);
    expect((await server.ask(bodyOf(body, "application/json"))).status).toBe(400);
    expect(server.log.filter((line) => line.startsWith("error"))).toEqual([]);
  });

  it("leaves the answer to a callback that catches, and the body where the type is another", async () => {
    const server = await serving(async (wsi) => {
      const error = await wsi.readJson().catch((error: Error) => error);
      expect(error).toMatchObject({ code: "ERR_UNSUPPORTED_MEDIA_TYPE", status: 415 });
      wsi.httpReply(200, {}, await wsi.readBody());
    });
    expect(String((await server.ask(bodyOf("a=1", "text/plain"))).body)).toBe("a=1");
  });

  it("is 413 over maxLength", async () => {
    const server = await serving(async (wsi) => void (await wsi.readJson({ maxLength: 5 })));
    expect((await server.ask(bodyOf("[1,2,3]", "application/json"))).status).toBe(413);
  });
});

describeLoops("readForm", (loop) => {
  const echo = async (wsi: Wsi) => wsi.httpReply(200, {}, JSON.stringify([...(await wsi.readForm())]));
  const type = "application/x-www-form-urlencoded";

  it.each([
    [
      "a=1&b=%C3%A4+c&a=2",
      [
        ["a", "1"],
        ["b", "ä c"],
        ["a", "2"],
      ],
    ],
    ["?a=1", [["?a", "1"]]],
    ["", []],
    ["&&a", [["a", ""]]],
  ])("reads %j", async (body, fields) => {
    const server = await startServer({ eventLoop: loop, on: { HTTP: echo } });
    expect(JSON.parse(String((await server.ask(bodyOf(body, type))).body))).toEqual(fields);
  });

  it("is 415 for JSON", async () => {
    const server = await startServer({ eventLoop: loop, on: { HTTP: echo } });
    expect((await server.ask(bodyOf("{}", "application/json"))).status).toBe(415);
  });
});
