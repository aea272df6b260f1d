import { expect, it } from "vitest";
import { httpRequest, upgradeRequest } from "../support/frames.ts";
import { describeLoops, startServer, temporaryFolder } from "../support/server.ts";

// The PROXY header is in role-proxied.test.ts.

describeLoops("connections from a trusted proxy", (loop) => {
  const start = (options: Parameters<typeof startServer>[0] = {}) =>
    startServer({
      eventLoop: loop,
      trustedProxies: ["loopback"],
      on: { HTTP: (wsi) => wsi.httpReply(200, {}, `${wsi.remoteAddress} ${wsi.remotePort} ${wsi.secure}`) },
      ...options,
    });
  const from = (address: string, more: Record<string, string> = {}) => ({
    headers: { "X-Forwarded-For": address, ...more },
  });

  it("tell the client of each request, and how it came to the proxy", async () => {
    const server = await start();
    const peer = await server.connect();
    const ask = async (headers: Record<string, string>) => {
      peer.send(httpRequest({ headers }));
      return String((await peer.response()).body);
    };
    expect(await ask({ "X-Forwarded-For": "6.6.6.6, 192.0.2.1" })).toBe("192.0.2.1 0 false");
    expect(await ask({ "X-Forwarded-For": "2001:db8::1", "X-Forwarded-Proto": "https" })).toBe(
      "2001:db8::1 0 true",
    );
    expect(await ask({})).toMatch(/^127\.0\.0\.1 [1-9]\d* false$/);
  });

  it("tell the client of a session for its life", async () => {
    const server = await start();
    const { wsi } = await server.pair(from("192.0.2.1", { "X-Forwarded-Proto": "https" }));
    expect([wsi.remoteAddress, wsi.secure]).toEqual(["192.0.2.1", true]);
    expect((await server.nth("FILTER_NETWORK_CONNECTION")).wsi).toBe(wsi);
  });

  it("row 84: are believed only where the proxy is trusted", async () => {
    for (const trustedProxies of [undefined, [], ["192.0.2.0/24"], ["unix"]]) {
      const options = trustedProxies === undefined ? {} : { trustedProxies };
      const server = await startServer({ eventLoop: loop, ...options });
      const { wsi } = await server.pair(from("192.0.2.1", { "X-Forwarded-Proto": "https" }));
      expect([wsi.remoteAddress, wsi.secure]).toEqual(["127.0.0.1", false]);
      await server.destroy();
    }
  });

  it("may come over a Unix socket", async () => {
    const path = `${temporaryFolder()}/proxy`;
    const server = await start({ path, trustedProxies: ["unix"] });
    expect(String((await server.ask(httpRequest(from("192.0.2.1")))).body)).toBe("192.0.2.1 0 false");
  });

  it("row 84: are limited by their clients, sessions and requests that are served, with 429 beyond", async () => {
    const server = await start({
      maxConnectionsPerAddress: 2,
      on: { HTTP: (wsi) => (wsi.uri === "/wait" ? undefined : wsi.httpReply(200)) },
    });
    const session = await server.open(from("192.0.2.1"));
    const waiting = await server.connect();
    waiting.send(httpRequest({ target: "/wait", ...from("192.0.2.1") }));
    const { wsi } = await server.nth("HTTP");
    expect((await server.ask(httpRequest(from("192.0.2.1")))).status).toBe(429);
    expect((await server.ask(upgradeRequest(from("192.0.2.1")))).status).toBe(429);
    expect((await server.ask(httpRequest(from("192.0.2.2")))).status).toBe(200);
    wsi.httpReply(200);
    await waiting.response();
    // Its connection is still open, and counts for nobody now.
    expect((await server.ask(httpRequest(from("192.0.2.1")))).status).toBe(200);
    await server.open(from("192.0.2.1"));
    expect((await server.ask(httpRequest(from("192.0.2.1")))).status).toBe(429);
    await session.drop();
    await server.nth("CLOSED");
    expect((await server.ask(httpRequest(from("192.0.2.1")))).status).toBe(200);
  });

  it("are not limited themselves, whatever they bring", async () => {
    const server = await start({ maxConnectionsPerAddress: 1 });
    const peers = await Promise.all(Array.from({ length: 5 }, () => server.open()));
    expect(peers).toHaveLength(5);
    for (let i = 1; i < 4; i++) await server.open(from(`192.0.2.${i}`));
    expect((await server.ask(httpRequest(from("192.0.2.1")))).status).toBe(429);
  });

  it("leave the limit of others as it is", async () => {
    const server = await start({ maxConnectionsPerAddress: 1, trustedProxies: ["192.0.2.9"] });
    await server.open(from("192.0.2.1"));
    const second = await server.connect();
    expect(await second.closed()).toHaveLength(0);
  });
});
