import { connect } from "node:net";
import { afterEach, describe, expect, it, test } from "vitest";
import { resolveClient } from "../../lib/engine/client-options.ts";
import { placeOf, proxyFor, Tunnel } from "../../lib/engine/client-proxy.ts";
import { type Answer, FakeServer, outcome, startClient, stopFakes, switching } from "../support/client.ts";
import { certificate, describeLoops, startServer } from "../support/server.ts";

const limits = { maxHeaderBytes: 1000, maxHeaderCount: 10, maxBodyBytes: 0 };
const target = (url: string) => resolveClient({ url }).target;

describe("the proxy of a client", () => {
  const environment = { http_proxy: "http://p:1", https_proxy: "q:2", HTTP_PROXY: "http://evil" };
  const found = (url: string, environ: Record<string, string> = environment) =>
    proxyFor(target(url), undefined, environ)?.host;

  it("is the option's, or none at all", () => {
    expect(proxyFor(target("ws://a/"), "http://x:3", environment)?.host).toBe("x:3");
    expect(proxyFor(target("ws://localhost/"), "http://x:3", {})?.host).toBe("x:3");
    expect(proxyFor(target("ws://a/"), false, environment)).toBeUndefined();
    expect(proxyFor(resolveClient({ socketPath: "/x" }).target, undefined, environment)).toBeUndefined();
  });

  it("is the environment's, by scheme, and never for this machine", () => {
    expect(found("ws://a/")).toBe("p:1");
    expect(found("wss://a/")).toBe("q:2");
    expect(found("wss://a/", { HTTPS_PROXY: "http://r:3" })).toBe("r:3");
    expect(found("ws://a/", { HTTP_PROXY: "http://evil" })).toBeUndefined();
    expect(found("ws://a/", { http_proxy: "" })).toBeUndefined();
    expect(found("ws://a/", { http_proxy: "socks5://s" })).toBeUndefined();
    for (const local of ["localhost", "127.0.0.1", "127.9.9.9", "[::1]", "x.localhost"])
      expect(found(`ws://${local}/`)).toBeUndefined();
  });

  it.each([
    ["a.test", "a.test", true],
    [".a.test", "b.a.test", true],
    ["a.test", "b.a.test", true],
    ["a.test", "ba.test", false],
    ["x, a.test:81", "a.test:81", true],
    ["a.test:82", "a.test:81", false],
    ["10.0.0.1", "10.0.0.1", true],
    ["[fe80::1]", "[fe80::1]", true],
    ["fe80::1", "[fe80::1]", true],
    ["*", "a.test", true],
    ["", "a.test", false],
  ])("with no_proxy %j, for %s: exempt is %s", (no_proxy, host, exempt) => {
    expect(found(`ws://${host}/`, { ...environment, no_proxy }) === undefined).toBe(exempt);
    expect(found(`ws://${host}/`, { ...environment, NO_PROXY: no_proxy }) === undefined).toBe(exempt);
  });

  it("is at its own port", () => {
    expect(placeOf(new URL("http://[::1]:8"))).toEqual({ host: "::1", port: 8 });
    expect(placeOf(new URL("http://p"))).toEqual({ host: "p", port: 80 });
  });
});

test("a tunnel asks by CONNECT, and hears the answer in any cuts", () => {
  const tunnel = new Tunnel(new URL("http://u:p@proxy"), target("wss://a.test/"), limits);
  expect(Buffer.from(tunnel.ask).toString()).toBe(
    `CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\nProxy-Authorization: Basic ${btoa("u:p")}\r\n\r\n`,
  );
  expect(tunnel.hear(Buffer.from("HTTP/1.1 200 Yes\r\n"))).toBe(-1);
  expect(tunnel.hear(Buffer.from("\r\nbehind"))).toBe(2);
});

describeLoops("a client behind a proxy", (loop) => {
  afterEach(stopFakes);

  /** A proxy that really leads where it is asked to. */
  const leading: Answer = async (peer, request) => {
    const port = Number(/^CONNECT [^ ]*:(\d+) /.exec(request)![1]);
    const onward = connect(port, "127.0.0.1");
    onward.on("error", () => {});
    peer.socket.removeAllListeners("data");
    await peer.send("HTTP/1.1 200 Connected\r\n\r\n");
    peer.socket.pipe(onward).pipe(peer.socket);
  };

  it.each([0, 2] as const)("reaches the server, with ssl %s", async (ssl) => {
    const secure = ssl === 0 ? {} : { ssl: certificate };
    const server = await startServer({ eventLoop: loop, ...secure });
    const proxy = await FakeServer.start(leading);
    const client = await startClient(loop);
    const options = { address: "127.0.0.1", port: server.port, ssl, proxy: `http://127.0.0.1:${proxy.port}` };
    const wsi = client.context.clientConnect(options);
    expect(await outcome(client)).toBeUndefined();
    expect(proxy.requests[0]).toContain(`CONNECT 127.0.0.1:${server.port} HTTP/1.1`);
    expect(wsi.secure).toBe(ssl !== 0);
    wsi.close(1000);
    expect((await client.nth("CLIENT_CLOSED")).input).toMatchObject({ code: 1000, wasClean: true });
  });

  it.each<[string, Answer, object]>([
    [
      "refuses",
      (peer) => peer.send("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n"),
      { code: "ERR_PROXY", status: 407, headers: { "proxy-authenticate": "Basic" } },
    ],
    ["talks nonsense", (peer) => peer.send("nonsense\r\n"), { code: "ERR_PROXY" }],
    ["ends", (peer) => peer.end(), { code: "ECONNRESET" }],
    ["says nothing", () => {}, { code: "ETIMEDOUT" }],
  ])("hears why, when the proxy %s", async (_what, answer, expected) => {
    const proxy = await FakeServer.start(answer);
    const client = await startClient(loop);
    client.context.clientConnect({
      address: "a.test",
      proxy: `http://127.0.0.1:${proxy.port}`,
      timeout: 100,
    });
    expect(await outcome(client)).toMatchObject(expected);
  });
});

describeLoops("a client that is redirected", (loop) => {
  afterEach(stopFakes);
  const to =
    (location: () => string): Answer =>
    (peer) =>
      peer.send(`HTTP/1.1 307 Elsewhere\r\nLocation: ${location()}\r\nContent-Length: 0\r\n\r\n`);

  it("follows as often as it may, and tells the callback only once (row 50: drops credentials)", async () => {
    const end = await FakeServer.start((peer, request) => peer.send(switching(request)));
    const first = await FakeServer.start((peer, request) =>
      request.startsWith("GET /here ") ? to(() => end.url)(peer, request) : to(() => "/here")(peer, request),
    );
    const on = {
      CLIENT_APPEND_HANDSHAKE_HEADER: (_wsi: unknown, add: (name: string, value: string) => void) => {
        add("Cookie", "a=b");
        add("X-Other", "kept");
      },
    };
    const client = await startClient(loop, { on });
    client.context.clientConnect({ url: first.url, maxRedirects: 2, headers: { Authorization: "secret" } });
    expect(await outcome(client)).toBeUndefined();
    expect(client.names()).toEqual(["CLIENT_APPEND_HANDSHAKE_HEADER", "CLIENT_ESTABLISHED"]);
    for (const request of first.requests) expect(request).toMatch(/Authorization: secret\r\nCookie: a=b/);
    expect(end.requests[0]).toContain("X-Other: kept");
    expect(end.requests[0]).not.toMatch(/Authorization|Cookie/i);
  });

  it("is refused when it has followed enough", async () => {
    const round = await FakeServer.start(to(() => "/"));
    const client = await startClient(loop);
    client.context.clientConnect({ url: round.url, maxRedirects: 3 });
    expect(await outcome(client)).toMatchObject({ code: "ERR_HANDSHAKE", status: 307 });
    expect(round.requests).toHaveLength(4);
  });
});
