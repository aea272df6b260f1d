import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { WriteProtocol, type Wsi } from "../../lib/api.ts";
import { httpRequest } from "../support/frames.ts";
import { rounds } from "../support/raw.ts";
import { describeLoops, startServer, temporaryFolder } from "../support/server.ts";

// Rules of bodies are in http-body.test.ts, of replies in reply.test.ts; here is how the two of one request go together.

describeLoops("one request and its reply", (loop) => {
  const post = (target: string, body: string) =>
    httpRequest({ method: "POST", target, headers: { "Content-Length": String(body.length) }, body });
  type Hooks = NonNullable<Parameters<typeof startServer>[0]["on"]>;
  const start = (on: Hooks) => startServer({ eventLoop: loop, on });
  const echo = (wsi: Wsi) => wsi.httpReply(200, {}, wsi.uri);

  it("may answer before, amid and after the body, and the next request is found behind it", async () => {
    const server = await start({
      HTTP: (wsi) => {
        if (wsi.uri === "/before") echo(wsi);
      },
      HTTP_BODY: (wsi) => {
        if (wsi.uri === "/amid") echo(wsi);
      },
      HTTP_BODY_COMPLETION: echo,
    });
    const peer = await server.connect();
    const targets = ["/before", "/amid", "/after", "/before"];
    peer.send(targets.map((target) => post(target, "GET /not-a-request HTTP/1.1\r\n\r\n")).join(""));
    for (const target of targets) expect(String((await peer.response()).body)).toBe(target);
    expect(server.all("HTTP")).toHaveLength(4);
  });

  it("is told no more of a body once it is answered", async () => {
    const server = await start({ HTTP: echo });
    const peer = await server.connect();
    peer.send(post("/a", "body"), httpRequest({ target: "/b" }));
    await peer.response();
    expect(String((await peer.response()).body)).toBe("/b");
    expect(server.names()).not.toContain("HTTP_BODY");
    expect(server.names()).not.toContain("HTTP_BODY_COMPLETION");
  });

  it("is asked to go on with Expect: 100-continue unless it is answered already", async () => {
    const server = await start({
      HTTP: (wsi) => {
        if (wsi.uri === "/refused") wsi.httpReply(403, { connection: "close" });
      },
      HTTP_BODY_COMPLETION: echo,
    });
    const expecting = (target: string) =>
      httpRequest({ method: "POST", target, headers: { "Content-Length": "2", Expect: "100-continue" } });
    const peer = await server.connect();
    peer.send(expecting("/wanted"));
    expect((await peer.until("\r\n\r\n")).toString()).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    peer.send("ok");
    expect((await peer.response()).status).toBe(200);
    peer.send(expecting("/refused"));
    expect((await peer.response()).status).toBe(403);
  });

  it("row 69: is refused with 417 for another expectation", async () => {
    const server = await start({ HTTP: echo });
    expect((await server.ask(httpRequest({ headers: { Expect: "200-foo" } }))).status).toBe(417);
    expect(server.names()).not.toContain("HTTP");
  });

  it("whose callback throws is 500 before the head of its reply, and cut off after it", async () => {
    const server = await start({
      HTTP: (wsi) => {
        if (wsi.uri === "/late") {
          wsi.writeHttpHeaders(200);
          wsi.write("some", WriteProtocol.HTTP);
        }
        throw new Error("boom");
      },
    });
    expect((await server.ask(httpRequest({ target: "/early" }))).status).toBe(500);
    const peer = await server.connect();
    peer.send(httpRequest({ target: "/late" }));
    expect((await peer.closed()).toString("latin1")).not.toContain("0\r\n\r\n");
  });

  it("whose promise fails is 500 before the head of its reply, and cut off after it", async () => {
    const server = await start({
      HTTP: async (wsi) => {
        if (wsi.uri === "/late") {
          wsi.writeHttpHeaders(200);
          wsi.write("some", WriteProtocol.HTTP);
        }
        await rounds(3);
        throw new Error("boom");
      },
    });
    expect((await server.ask(httpRequest({ target: "/early" }))).status).toBe(500);
    const peer = await server.connect();
    peer.send(httpRequest({ target: "/late" }));
    expect((await peer.closed()).toString("latin1")).toMatch(/some\r\n$/);
  });

  it("that a mount answers has a body that nobody is told of", async () => {
    const origin = temporaryFolder();
    writeFileSync(join(origin, "large"), Buffer.alloc(8_000_000));
    const server = await startServer({
      eventLoop: loop,
      mounts: [{ mountpoint: "/", origin }],
      on: { HTTP: echo },
    });
    const peer = await server.connect();
    peer.send(httpRequest({ target: "/large", headers: { "Content-Length": "4" }, body: "body" }));
    expect((await peer.response()).body).toHaveLength(8_000_000);
    peer.send(httpRequest({ target: "/large", method: "HEAD" }));
    expect((await peer.response("HEAD")).status).toBe(200);
    expect(server.names()).not.toContain("HTTP_BODY");
  });

  it("whose data cannot be made is 500", async () => {
    const perSessionData = () => {
      throw new Error("boom");
    };
    const server = await startServer({ eventLoop: loop, protocol: { perSessionData }, on: {} });
    expect((await server.ask(httpRequest())).status).toBe(500);
    expect(server.names()).not.toContain("HTTP");
  });

  it("that is answered in HTTP_WRITEABLE is asked for one at a time", async () => {
    let pieces = 3;
    const server = await start({
      HTTP: (wsi) => {
        wsi.writeHttpHeaders(200);
        wsi.callbackOnWritable();
        wsi.callbackOnWritable();
      },
      HTTP_WRITEABLE: (wsi) => {
        pieces--;
        wsi.write(`${pieces}`, pieces > 0 ? WriteProtocol.HTTP : WriteProtocol.HTTP_FINAL);
        if (pieces > 0) wsi.callbackOnWritable();
      },
    });
    expect(String((await server.ask(httpRequest())).body)).toBe("210");
    expect(server.all("HTTP_WRITEABLE")).toHaveLength(3);
  });
});
