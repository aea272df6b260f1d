import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { permessageDeflate, type SslOptions } from "../../lib/index.ts";
import { Authority, type Pair, pemOf } from "../support/certificates.ts";
import { KEY, textFrame } from "../support/frames.ts";
import { Peer } from "../support/node-client.ts";
import { describeLoops, type ServerOptions, startServer, temporaryFolder } from "../support/server.ts";

/* TLS of a context, from its options to what a protocol sees. What TLS itself has to do is in the contract of the loops. */

const folder = temporaryFolder();
const authority = new Authority(folder);
const here = authority.issue("localhost", "DNS:localhost,IP:127.0.0.1");
const one = authority.issue("one.example");
const client = pemOf(authority.issue("a client"));
const ca = readFileSync(authority.cert, "utf8");
const execute = promisify(execFile);

const start = (ssl: Partial<SslOptions> = {}, more: Partial<ServerOptions> = {}) =>
  startServer({ ...more, ssl: { ...here, ...ssl } });

function open(port: number, options: ConnectionOptions = {}): Promise<{ peer: Peer; tls: TLSSocket }> {
  const tls = connect({ port, host: "127.0.0.1", ca, checkServerIdentity: () => undefined, ...options });
  return new Promise((resolve, reject) => {
    tls.once("error", reject);
    tls.once("secureConnect", () => resolve({ peer: new Peer(tls), tls }));
  });
}

/** The name in the certificate that a client is shown. */
async function nameShown(port: number, options: ConnectionOptions = {}): Promise<string> {
  const { tls, peer } = await open(port, options);
  const name = String(tls.getPeerCertificate().subject.CN);
  await peer.drop();
  return name;
}

describeLoops("TLS of a context", (loop) => {
  test("serves ws, as a client of wss, whole messages of every size", async () => {
    const server = await start(undefined, {
      eventLoop: loop,
      protocol: { wholeMessages: true },
      extensions: [permessageDeflate()],
      on: { RECEIVE: (wsi, input: Buffer) => void wsi.write(input, 1) },
    });
    const socket = new WebSocket(`wss://localhost:${server.port}`, ["test"], { ca });
    await new Promise((resolve) => socket.once("open", resolve));
    for (const size of [0, 1, 125, 126, 16_383, 16_384, 16_385, 65_535, 65_536, 5 << 20]) {
      const answer = new Promise<unknown>((resolve) => socket.once("message", resolve));
      socket.send(Buffer.alloc(size, 65));
      expect(((await answer) as Buffer).equals(Buffer.alloc(size, 65))).toBe(true);
    }
    socket.close();
    await new Promise((resolve) => socket.once("close", resolve));
  });

  test("serves curl, which believes the authority, and agrees on http/1.1", async () => {
    const server = await start(undefined, { eventLoop: loop });
    const url = `https://localhost:${server.port}/`;
    const args = ["-sSv", "--noproxy", "*", "--cacert", authority.cert, url];
    const { stdout, stderr } = await execute("curl", args);
    expect(stdout).toBe("plain");
    expect(stderr).toMatch(/ALPN.*http\/1\.1/);
  });

  test("sends who comes without TLS to https, and tells upgrades that they are wrong", async () => {
    const server = await start(undefined, { eventLoop: loop });
    const plain = { port: server.port };
    const get = await Peer.open(plain);
    get.send("POST /a?b HTTP/1.1\r\nHost: example.com:8443\r\nContent-Length: 3\r\n\r\nabc");
    const moved = await get.response();
    expect(moved.status).toBe(308);
    expect(moved.headers).toMatchObject({ location: "https://example.com:8443/a?b", connection: "close" });
    const upgrade = await Peer.open(plain);
    const asks = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13";
    upgrade.send(`GET / HTTP/1.1\r\nHost: a\r\n${asks}\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`);
    expect((await upgrade.response()).status).toBe(400);
    const garbage = await Peer.open(plain);
    garbage.send("\0\0\0");
    expect((await garbage.response()).status).toBe(400);
    for (const reason of ["HTTP", "FILTER_PROTOCOL_CONNECTION"]) expect(server.all(reason)).toEqual([]);
  });

  test("follows that redirect with curl", async () => {
    const server = await start(undefined, { eventLoop: loop });
    const args = ["-sSL", "--noproxy", "*", "--cacert", authority.cert, `http://localhost:${server.port}/x`];
    expect((await execute("curl", args)).stdout).toBe("plain");
    expect(server.all("HTTP").map(({ wsi }) => wsi.uri)).toEqual(["/x"]);
  });

  test("drops who comes without TLS, where that is asked for", async () => {
    const server = await start({ redirect: false }, { eventLoop: loop });
    const plain = await Peer.open({ port: server.port });
    plain.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(String(await plain.closed())).not.toContain("HTTP");
    expect(server.all("FILTER_NETWORK_CONNECTION")).toEqual([]);
  });

  test("sends Strict-Transport-Security over TLS only", async () => {
    const securityHeaders = { "Strict-Transport-Security": "max-age=60" };
    const server = await start(undefined, { eventLoop: loop, securityHeaders });
    const request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    const headers = async (peer: Peer) => {
      peer.send(request);
      return (await peer.response()).headers;
    };
    expect(await headers((await open(server.port)).peer)).toHaveProperty("strict-transport-security");
    expect(await headers(await Peer.open({ port: server.port }))).not.toHaveProperty(
      "strict-transport-security",
    );
  });

  test("tells a protocol whose certificate it was, until the end", async () => {
    const server = await start({ requestCert: true, ca: authority.cert }, { eventLoop: loop });
    const { peer } = await open(server.port, client);
    expect((await peer.upgrade()).status).toBe(101);
    const { wsi } = await server.nth("ESTABLISHED");
    expect(wsi.peerCertificate).toBeInstanceOf(X509Certificate);
    expect(wsi.peerCertificate?.subject).toBe("CN=a client");
    expect(wsi.peerCertificate).toBe(wsi.peerCertificate);
    expect(wsi.peerAuthorized).toBe(true);
    await peer.drop();
    await server.nth("CLOSED");
    expect(wsi.peerCertificate?.subject).toBe("CN=a client");
  });

  test("has no certificate of who was not asked for one", async () => {
    const server = await start(undefined, { eventLoop: loop });
    const { peer } = await open(server.port, client);
    await peer.upgrade();
    const { wsi } = await server.nth("ESTABLISHED");
    expect([wsi.peerCertificate, wsi.peerAuthorized, wsi.secure]).toEqual([null, false, true]);
  });

  test("tells a client whose certificate the server's is", async () => {
    const server = await start(undefined, { eventLoop: loop });
    const wsi = server.context.clientConnect({
      url: `wss://localhost:${server.port}`,
      ssl: { ca },
      localProtocol: "test",
    });
    expect([wsi.peerCertificate, wsi.peerAuthorized]).toEqual([null, false]);
    await server.nth("CLIENT_ESTABLISHED");
    expect(wsi.peerCertificate?.subject).toBe("CN=localhost");
    expect(wsi.peerAuthorized).toBe(true);
  });

  test("logs a handshake that fails, for who looks", async () => {
    const server = await start(undefined, { eventLoop: loop });
    await open(server.port, { ALPNProtocols: ["h2"] }).catch(() => {});
    await expect.poll(() => server.log.join()).toMatch(/debug a TLS handshake with 127\.0\.0\.1 failed: /);
  });

  test("warns of a certificate that has expired", async () => {
    const expired = authority.issue("localhost", "DNS:localhost", -1);
    const server = await start(expired, { eventLoop: loop });
    expect(server.log.join()).toMatch(/warn ssl\.cert: the certificate of .* has expired on /);
  });

  test("does not start with what does not fit, and says what it is", async () => {
    const started = start({ key: one.key }, { eventLoop: loop });
    await expect(started).rejects.toThrow(`ssl.key: ${one.key} does not match the certificate ${here.cert}`);
  });
});

describeLoops("setSecureContext", (loop) => {
  const mine: Pair = { cert: join(folder, `mine-${loop}.pem`), key: join(folder, `mine-${loop}-key.pem`) };
  const put = ({ cert, key }: Pair) => {
    copyFileSync(cert, mine.cert);
    copyFileSync(key, mine.key);
  };

  test("reads the same files again, and keeps the sessions", async () => {
    put(here);
    const server = await start(mine, { eventLoop: loop });
    const { peer } = await open(server.port);
    await peer.upgrade();
    put(one);
    expect(await nameShown(server.port)).toBe("localhost");
    await server.context.setSecureContext();
    expect(await nameShown(server.port)).toBe("one.example");
    peer.send(textFrame("still here"));
    await server.nth("RECEIVE");
    expect(server.received()).toEqual(["still here"]);
  });

  test("keeps the old ones when the new ones are broken, and says why", async () => {
    put(here);
    const server = await start(mine, { eventLoop: loop });
    writeFileSync(mine.cert, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    await expect(server.context.setSecureContext()).rejects.toThrow(`ssl.cert: ${mine.cert} cannot be read`);
    put({ cert: here.cert, key: one.key });
    await expect(server.context.setSecureContext()).rejects.toThrow("key values mismatch");
    await expect(server.context.setSecureContext({ cert: "/nowhere" })).rejects.toThrow("/nowhere");
    await expect(server.context.setSecureContext({ ciphers: 5 } as object)).rejects.toThrow(TypeError);
    await expect(server.context.setSecureContext(null as never)).rejects.toThrow("an object of options");
    expect(await nameShown(server.port)).toBe("localhost");
  });

  test("takes other options", async () => {
    const server = await start(undefined, { eventLoop: loop });
    await server.context.setSecureContext({ sni: { "One.Example": one }, minVersion: "TLSv1.3" });
    expect(await nameShown(server.port, { servername: "one.example" })).toBe("one.example");
    expect(await nameShown(server.port)).toBe("localhost");
    await expect(open(server.port, { maxVersion: "TLSv1.2" })).rejects.toThrow(/protocol version/);
  });

  test("is for contexts that listen with TLS", async () => {
    const server = await startServer({ eventLoop: loop });
    await expect(server.context.setSecureContext()).rejects.toMatchObject({ code: "ERR_NO_TLS" });
    await server.destroy();
    await expect(server.context.setSecureContext()).rejects.toMatchObject({ code: "ECANCELED" });
  });
});
