import { expect, it } from "vitest";
import { ACCEPT, httpRequest, textFrame, upgradeRequest } from "../support/frames.ts";
import { describeLoops, type ServerOptions, startServer } from "../support/server.ts";

// Each row of bad input is in handshake.test.ts; here is the order of the steps from the request to the session.

describeLoops("an upgrade", (loop) => {
  const start = (options: ServerOptions = {}) => startServer({ eventLoop: loop, ...options });

  it("is answered with the 101 of RFC 6455 section 4.2.2, to the byte", async () => {
    const server = await start();
    const peer = await server.connect();
    peer.send(upgradeRequest({ headers: { "Sec-WebSocket-Protocol": "other, test" } }));
    expect((await peer.until("\r\n\r\n")).toString()).toBe(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" +
        `Sec-WebSocket-Accept: ${ACCEPT}\r\nSec-WebSocket-Protocol: test\r\nConnection: Upgrade\r\n\r\n`,
    );
  });

  it("passes the filter, then the headers, then it is established", async () => {
    const server = await start();
    await server.open();
    await server.nth("ESTABLISHED");
    const names = server.names();
    expect(names.slice(-3)).toEqual(["FILTER_PROTOCOL_CONNECTION", "ADD_HEADERS", "ESTABLISHED"]);
  });

  it("that is wrong is refused before any callback sees it", async () => {
    const server = await start({ origins: ["https://good.example"] });
    const requests: [number, object][] = [
      [426, { "Sec-WebSocket-Version": "8" }],
      [400, { "Sec-WebSocket-Key": "x" }],
      [403, { Origin: "https://evil.example" }],
      [400, { "Sec-WebSocket-Protocol": "unknown" }],
    ];
    for (const [status, headers] of requests) {
      const peer = await server.connect();
      peer.send(upgradeRequest({ headers: { ...headers } }));
      const reply = await peer.response();
      expect(reply.status).toBe(status);
      // A reply with Upgrade names it in Connection too (RFC 9110 section 7.8).
      expect(reply.headers["connection"]).toBe(status === 426 ? "close, Upgrade" : "close");
      await peer.closed();
    }
    expect(server.names()).not.toContain("FILTER_PROTOCOL_CONNECTION");
    expect(server.log.filter((line) => line.startsWith("debug upgrade refused"))).toHaveLength(4);
  });

  it("waits for the promise of its filter, and what came meanwhile is not lost", async () => {
    let decide = (_result: number) => {};
    const decided = new Promise<number>((resolve) => {
      decide = resolve;
    });
    const server = await start({ on: { FILTER_PROTOCOL_CONNECTION: () => decided } });
    const peer = await server.connect();
    peer.send(upgradeRequest(), textFrame("early"));
    await server.nth("FILTER_PROTOCOL_CONNECTION");
    expect(server.names()).not.toContain("ESTABLISHED");
    decide(0);
    expect((await peer.response()).status).toBe(101);
    expect(String((await server.nth("RECEIVE")).input)).toBe("early");
  });

  it("whose peer leaves while its filter waits is never established", async () => {
    let decide = (_result: number) => {};
    const decided = new Promise<number>((resolve) => {
      decide = resolve;
    });
    const server = await start({ on: { FILTER_PROTOCOL_CONNECTION: () => decided } });
    const peer = await server.connect();
    peer.send(upgradeRequest());
    await server.nth("FILTER_PROTOCOL_CONNECTION");
    peer.abort();
    await server.nth("CLOSED_HTTP");
    decide(0);
    expect((await server.ask(httpRequest())).status).toBe(200);
    expect(server.names()).not.toContain("ESTABLISHED");
  });

  it.each([
    ["403 when the filter returns nonzero", { FILTER_PROTOCOL_CONNECTION: () => 1 }, 403],
    [
      "500 when the filter throws",
      {
        FILTER_PROTOCOL_CONNECTION: () => {
          throw new Error("boom");
        },
      },
      500,
    ],
    ["500 when the headers are refused", { ADD_HEADERS: () => 1 }, 500],
  ] as [string, NonNullable<ServerOptions["on"]>, number][])(
    "is refused with %s",
    async (_why, on, status) => {
      const server = await start({ on });
      expect((await server.ask(upgradeRequest())).status).toBe(status);
      expect(server.names()).not.toContain("ESTABLISHED");
    },
  );

  it("with a cookie and an origin is warned of once when any origin may come", async () => {
    const server = await start();
    for (let i = 0; i < 2; i++) await server.open({ headers: { Origin: "https://a", Cookie: "a=b" } });
    expect(server.log.filter((line) => line.includes("origins"))).toHaveLength(1);
  });
});
