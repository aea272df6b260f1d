import { Duplex } from "node:stream";
import { expect, it } from "vitest";
import { httpRequest, textFrame, upgradeRequest } from "../support/frames.ts";
import { hex } from "../support/raw.ts";
import { describeLoops, startServer } from "../support/server.ts";

const line = (address: string) => `PROXY TCP4 ${address} 198.51.100.7 5555 80\r\n`;
const local = hex("0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a 20 00 00 00");

describeLoops("a connection that begins with a PROXY header", (loop) => {
  const start = (options: Parameters<typeof startServer>[0] = {}) =>
    startServer({
      eventLoop: loop,
      proxyProtocol: true,
      on: { HTTP: (wsi) => wsi.httpReply(200, {}, `${wsi.remoteAddress} ${wsi.remotePort}`) },
      ...options,
    });

  it("is the client's, with the request glued to the header or not", async () => {
    const server = await start();
    expect(String((await server.ask(line("192.0.2.1") + httpRequest())).body)).toBe("192.0.2.1 5555");
    const peer = await server.connect();
    await peer.send(line("192.0.2.2"));
    await peer.send(httpRequest());
    expect(String((await peer.response()).body)).toBe("192.0.2.2 5555");
    peer.send(httpRequest());
    expect(String((await peer.response()).body)).toBe("192.0.2.2 5555");
    const { wsi } = await server.nth("FILTER_NETWORK_CONNECTION");
    expect(wsi.remoteAddress).toBe("192.0.2.1");
  });

  it("may be cut at every offset", async () => {
    const server = await start();
    const bytes = Buffer.from(line("192.0.2.1") + httpRequest());
    for (let cut = 1; cut < bytes.length; cut += 5) {
      const peer = await server.connect();
      await peer.send(bytes.subarray(0, cut));
      await peer.send(bytes.subarray(cut));
      expect(String((await peer.response()).body)).toBe("192.0.2.1 5555");
    }
  });

  it("becomes a session, with frames glued to the upgrade", async () => {
    const server = await start();
    const peer = await server.connect();
    peer.send(line("192.0.2.1"), upgradeRequest(), textFrame("hi"));
    expect((await peer.response()).status).toBe(101);
    expect((await server.nth("RECEIVE")).wsi.remoteAddress).toBe("192.0.2.1");
  });

  it("of LOCAL has its own address", async () => {
    const server = await start();
    const peer = await server.connect();
    peer.send(local, httpRequest());
    expect(String((await peer.response()).body)).toBe(`127.0.0.1 ${peer.socket.localPort}`);
  });

  it.each([
    ["a request", httpRequest()],
    ["a bad line", "PROXY TCP4 1.2.3.4\r\n"],
    ["TLS", "\x16\x03\x01"],
  ])("and has %s instead is dropped without a byte, and nobody hears of it", async (_what, bytes) => {
    const server = await start();
    const peer = await server.connect();
    peer.send(Buffer.from(bytes, "latin1"));
    expect(await peer.closed()).toHaveLength(0);
    while (server.context.connections > 0) await peer.drop();
    expect(server.names()).toEqual([]);
    expect(server.log.join("\n")).toMatch(/debug a connection from 127\.0\.0\.1 was dropped: /);
  });

  it("has to have it in time, together with the request", async () => {
    const server = await start({ timeouts: { head: 40 } });
    const silent = await server.connect();
    const half = await server.connect();
    half.send("PROXY TCP4");
    const late = await server.connect();
    late.send(`${line("192.0.2.1")}GET / HT`);
    expect(await silent.closed()).toHaveLength(0);
    expect(await half.closed()).toHaveLength(0);
    expect((await late.response()).status).toBe(408);
  });

  it("may end before it", async () => {
    const server = await start();
    const peer = await server.connect();
    peer.send("PROXY");
    peer.end();
    expect(await peer.closed()).toHaveLength(0);
  });

  it("row 84: counts for the address of its header", async () => {
    const server = await start({ maxConnectionsPerAddress: 1 });
    const first = await server.connect();
    first.send(line("192.0.2.1"), upgradeRequest());
    expect((await first.response()).status).toBe(101);
    const second = await server.connect();
    second.send(line("192.0.2.1"), httpRequest());
    expect(await second.closed()).toHaveLength(0);
    expect((await server.ask(line("192.0.2.2") + httpRequest())).status).toBe(200);
    await first.drop();
    await server.nth("CLOSED");
    const third = await server.connect();
    third.send(line("192.0.2.1"), httpRequest());
    expect((await third.response()).status).toBe(200);
  });

  it("is asked about in FILTER_NETWORK_CONNECTION when it is known, and counts no more when refused", async () => {
    const refused = new Set(["192.0.2.1"]);
    const server = await start({
      maxConnectionsPerAddress: 1,
      on: { FILTER_NETWORK_CONNECTION: (wsi) => (refused.has(wsi.remoteAddress) ? 1 : 0) },
    });
    const peer = await server.connect();
    peer.send(line("192.0.2.1"), httpRequest());
    expect(await peer.closed()).toHaveLength(0);
    refused.clear();
    expect((await server.ask(line("192.0.2.1") + httpRequest())).status).toBe(200);
  });

  it("is wanted from trusted proxies only, where they are named", async () => {
    const trusting = await start({ trustedProxies: ["loopback"] });
    expect((await trusting.ask(line("192.0.2.1") + httpRequest())).status).toBe(200);
    await trusting.destroy();
    const server = await start({ trustedProxies: ["192.0.2.0/24"] });
    expect((await server.ask(httpRequest())).status).toBe(200);
    expect((await server.ask(line("192.0.2.1") + httpRequest())).status).toBe(400);
  });

  it("may bring X-Forwarded-For too, believed when the address of its header is trusted", async () => {
    const server = await start({ trustedProxies: ["loopback", "10.0.0.0/8"] });
    const request = httpRequest({ headers: { "X-Forwarded-For": "203.0.113.5" } });
    expect(String((await server.ask(line("10.0.0.1") + request)).body)).toBe("203.0.113.5 0");
    expect(String((await server.ask(line("192.0.2.1") + request)).body)).toBe("192.0.2.1 5555");
  });

  it("is not waited for when the context is destroyed", async () => {
    const server = await start();
    const peer = await server.connect();
    await peer.send("PROXY");
    while (server.context.connections === 0) await new Promise((resolve) => setImmediate(resolve));
    await server.context.destroy();
    expect(await peer.closed()).toHaveLength(0);
  });

  it("is not what an adopted socket is: it has had its header read", async () => {
    const server = await start();
    const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
    server.context.adoptSocket(stream, Buffer.from(httpRequest()));
    await server.nth("HTTP");
    stream.destroy();
  });
});
