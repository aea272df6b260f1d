import { expect, it } from "vitest";
import type { ErrorPage, FailedRequest } from "../../lib/api.ts";
import { httpRequest, upgradeRequest } from "../support/frames.ts";
import { describeLoops, startServer, temporaryFolder } from "../support/server.ts";

describeLoops("the page of an error", (loop) => {
  const start = (errorPage: ErrorPage | undefined, more: Parameters<typeof startServer>[0] = {}) =>
    startServer({ eventLoop: loop, ...(errorPage && { errorPage }), ...more });

  it("is the application's for all that the server answers by itself", async () => {
    const asked: [number, FailedRequest][] = [];
    const page: ErrorPage = (status, request) => {
      asked.push([status, request]);
      return { contentType: "text/plain; charset=utf-8", body: `\u2620 ${status}` };
    };
    const server = await start(page, {
      mounts: [{ mountpoint: "/files", origin: temporaryFolder() }],
      maxBodyBytes: 5,
      on: {
        HTTP: () => {
          throw new Error("on purpose");
        },
      },
    });
    const headers = { Accept: "text/html" };
    const requests: [number, string][] = [
      [400, "GET / HTTP/1.1\n\n"],
      [404, httpRequest({ target: "/files/none", headers })],
      [405, httpRequest({ method: "DELETE", target: "/files/none" })],
      [413, httpRequest({ headers: { "Content-Length": "6" } })],
      [500, httpRequest({ target: "/throws?x" })],
      [426, upgradeRequest({ headers: { "Sec-WebSocket-Version": "7" } })],
    ];
    for (const [status, request] of requests) {
      const reply = await server.ask(request);
      expect([reply.status, String(reply.body)]).toEqual([status, `\u2620 ${status}`]);
      expect(reply.headers["content-type"]).toBe("text/plain; charset=utf-8");
    }
    expect(asked.map(([status]) => status)).toEqual(requests.map(([status]) => status));
    expect(asked[0][1]).toEqual({ method: "", path: "", accept: "" });
    expect(asked[1][1]).toEqual({ method: "GET", path: "/files/none", accept: "text/html" });
    expect(asked[4][1]).toEqual({ method: "GET", path: "/throws", accept: "" });
  });

  it("keeps the headers that its status asks for", async () => {
    const server = await start(() => ({ contentType: "text/plain", body: "x" }), {
      mounts: [{ mountpoint: "/", origin: temporaryFolder() }],
    });
    expect((await server.ask(httpRequest({ method: "DELETE" }))).headers["allow"]).toMatch(/GET, HEAD/);
  });

  it("is also that of a context without a protocol", async () => {
    const page: ErrorPage = () => ({ contentType: "text/plain", body: Buffer.from("nothing here") });
    const server = await start(page, { protocols: [] });
    const reply = await server.ask(httpRequest());
    expect([reply.status, String(reply.body)]).toEqual([404, "nothing here"]);
  });

  it("has no body in the reply to HEAD, but its length", async () => {
    const server = await start(() => ({ contentType: "text/plain", body: "12345" }), {
      on: {
        HTTP: () => {
          throw new Error("on purpose");
        },
      },
    });
    const peer = await server.connect();
    peer.send(httpRequest({ method: "HEAD" }));
    expect((await peer.closed()).toString("latin1")).toMatch(/Content-Length: 5\r\n\r\n$/);
  });

  it.each([
    ["undefined", () => undefined],
    [
      "a throw",
      () => {
        throw new Error("no page");
      },
    ],
    ["a type that cannot be sent", () => ({ contentType: "a\r\nb", body: "x" })],
    ["a body that is none", () => ({ contentType: "a", body: 5 as unknown as string })],
    ["null", () => null as unknown as undefined],
    ["a promise", (() => Promise.resolve()) as unknown as ErrorPage],
  ])("is the server's own for %s", async (_what, page: ErrorPage) => {
    const server = await start(page);
    const reply = await server.ask("GET / HTTP/1.1\n\n");
    expect([reply.status, reply.headers["content-type"]]).toEqual([400, "text/html; charset=utf-8"]);
    expect(String(reply.body)).toContain("<h1>400 Bad Request</h1>");
    expect((await server.ask(httpRequest())).status).toBe(200);
  });

  it("is not asked for what the application replies itself", async () => {
    const server = await start(() => ({ contentType: "text/plain", body: "page" }), {
      on: { HTTP: (wsi) => wsi.httpReply(404, {}, "mine") },
    });
    expect(String((await server.ask(httpRequest())).body)).toBe("mine");
  });
});
