import { describe, expect, it } from "vitest";
import { WriteProtocol, type Wsi } from "../../lib/index.ts";
import { httpRequest, upgradeRequest } from "../support/frames.ts";
import { certificate, describeLoops, type Hooks, startServer, type TestServer } from "../support/server.ts";

const { HTTP, HTTP_FINAL } = WriteProtocol;

type Act = (wsi: Wsi) => unknown;

/** The ways to make a reply, each of which asks for its headers. */
const replies: [how: string, act: Act][] = [
  ["httpReply", (wsi) => wsi.httpReply(404, {}, "from inside")],
  ["redirect", (wsi) => wsi.redirect(302, "/inside")],
  ["serveHttpFile", (wsi) => wsi.serveHttpFile(certificate.key)],
  ["serveHttpFile of no file", (wsi) => wsi.serveHttpFile("/nowhere/file")],
  ["writeHttpHeaders", (wsi) => wsi.writeHttpHeaders(404)],
  ["write", (wsi) => wsi.write("from inside", HTTP)],
  ["the last write", (wsi) => wsi.write("from inside", HTTP_FINAL)],
];

/** The replies that a protocol gives in HTTP, and their body. */
const answers: [what: string, answer: Act, body: RegExp][] = [
  ["in one go", (wsi) => wsi.httpReply(200, {}, "plain"), /\r\n\r\nplain$/],
  [
    "in pieces",
    (wsi) => {
      wsi.writeHttpHeaders(200);
      wsi.write("pl", HTTP);
      wsi.write("ain", HTTP_FINAL);
    },
    /\r\n\r\n2\r\npl\r\n3\r\nain\r\n0\r\n\r\n$/,
  ],
  [
    "of a file",
    (wsi) => wsi.serveHttpFile(certificate.cert),
    /\r\n\r\n-----BEGIN CERTIFICATE-----.*-----END CERTIFICATE-----\n$/s,
  ],
];

const heads = (sent: string) => sent.match(/HTTP\/1\.1 \d+/g) ?? [];

describeLoops("ADD_HEADERS", (loop) => {
  const start = (on: Hooks) => startServer({ eventLoop: loop, on });

  /** All that a server sends to one request, until it ends the connection. */
  async function bytes(server: TestServer, request: string): Promise<string> {
    const peer = await server.connect();
    peer.send(request);
    return (await peer.closed()).toString("latin1");
  }

  describe.each(answers)("for a reply %s", (_what, answer, body) => {
    it.each(replies)("makes no second one by %s", async (_how, act) => {
      const server = await start({ HTTP: answer as () => void, ADD_HEADERS: (wsi) => void act(wsi) });
      const sent = await bytes(server, httpRequest());
      expect(heads(sent)).toEqual(["HTTP/1.1 200"]);
      expect(sent).toContain("\r\nConnection: close\r\n");
      expect(sent).toMatch(body);
      expect(server.all("ADD_HEADERS")).toHaveLength(1);
      expect(server.log.join("\n")).toContain('error protocol "test" threw in ADD_HEADERS: ');
      await server.nth("CLOSED_HTTP");
    });

    it.each(replies)("that catches what %s throws harms no reply, nor the next one", async (_how, act) => {
      const caught: unknown[] = [];
      const server = await start({
        HTTP: answer as () => void,
        ADD_HEADERS(wsi) {
          try {
            act(wsi);
          } catch (error) {
            caught.push((error as { code?: string }).code);
          }
        },
      });
      const last = httpRequest({ headers: { Connection: "close" } });
      const sent = await bytes(server, httpRequest() + last);
      expect(heads(sent)).toEqual(["HTTP/1.1 200", "HTTP/1.1 200"]);
      expect(sent).toMatch(body);
      expect(caught).toHaveLength(2);
      for (const code of caught) expect(["ERR_REPLIED", "ERR_NO_REPLY"]).toContain(code);
    });

    it.each([
      ["close", (wsi: Wsi) => wsi.close()],
      ["terminate", (wsi: Wsi) => wsi.terminate()],
    ])("may end the connection by %s: nothing is sent", async (_how, act) => {
      const server = await start({ HTTP: answer as () => void, ADD_HEADERS: act });
      expect(await bytes(server, httpRequest())).toBe("");
      await server.nth("CLOSED_HTTP");
      expect(server.all("ADD_HEADERS")).toHaveLength(1);
      expect(server.log.filter((line) => line.startsWith("error"))).toEqual([]);
    });
  });

  it("of two connections that reply for each other ends, with one reply on each", async () => {
    const waiting: Wsi[] = [];
    const server = await start({
      HTTP(wsi) {
        waiting.push(wsi);
        if (waiting.length === 2) wsi.httpReply(200, {}, "plain");
      },
      ADD_HEADERS(wsi) {
        for (const other of waiting) if (other !== wsi) other.httpReply(200, {}, "plain");
      },
    });
    const request = httpRequest({ headers: { Connection: "close" } });
    const both = await Promise.all([bytes(server, request), bytes(server, request)]);
    expect(both.map(heads)).toEqual([["HTTP/1.1 200"], ["HTTP/1.1 200"]]);
    expect(server.all("ADD_HEADERS")).toHaveLength(2);
  });

  describe("for an upgrade", () => {
    const acts: [how: string, act: Act, sent: string[]][] = [
      ["reject", (wsi) => wsi.reject(403), ["HTTP/1.1 403"]],
      ["httpReply", (wsi) => wsi.httpReply(200), ["HTTP/1.1 500"]],
      ["serveHttpFile", (wsi) => wsi.serveHttpFile(certificate.cert), ["HTTP/1.1 500"]],
      ["terminate", (wsi) => wsi.terminate(), []],
    ];

    it.each(acts)("that is to be accepted ends it by %s, with one reply at most", async (_how, act, sent) => {
      const server = await start({ ADD_HEADERS: (wsi) => void act(wsi) });
      expect(heads(await bytes(server, upgradeRequest()))).toEqual(sent);
      await server.nth("CLOSED_HTTP");
      expect(server.names()).not.toContain("ESTABLISHED");
    });

    it("that is to be accepted ends it by close, with 503 when that may have its headers", async () => {
      for (const times of [1, 1000]) {
        let left = times;
        const server = await start({ ADD_HEADERS: (wsi) => (left-- > 0 ? wsi.close() : undefined) });
        const sent = heads(await bytes(server, upgradeRequest()));
        expect(sent).toEqual(times === 1 ? ["HTTP/1.1 503"] : []);
        await server.nth("CLOSED_HTTP");
        expect(server.names()).not.toContain("ESTABLISHED");
      }
    });

    it.each(acts)("that is refused makes no second reply by %s", async (how, act) => {
      const server = await start({
        FILTER_PROTOCOL_CONNECTION: () => 1,
        ADD_HEADERS: (wsi) => void act(wsi),
      });
      const sent = heads(await bytes(server, upgradeRequest()));
      expect(sent).toEqual(how === "terminate" ? [] : ["HTTP/1.1 403"]);
      expect(server.all("ADD_HEADERS")).toHaveLength(1);
      await server.nth("CLOSED_HTTP");
    });
  });
});
