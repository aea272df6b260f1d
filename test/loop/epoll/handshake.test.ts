import { readFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { quietLogger } from "../../../lib/base/log.ts";
import { TimerQueue } from "../../../lib/base/timers.ts";
import { encodeInternet } from "../../../lib/loop/epoll/address.ts";
import { Handshake, type HandshakeHost, type HandshakeOwner } from "../../../lib/loop/epoll/handshake.ts";
import { loadLibc } from "../../../lib/loop/epoll/libc.ts";
import { type Acceptor, openListener } from "../../../lib/loop/epoll/listen.ts";
import { loadOpenssl } from "../../../lib/loop/epoll/openssl.ts";
import { Pollset } from "../../../lib/loop/epoll/pollset.ts";
import { serverContext, type TlsContext } from "../../../lib/loop/epoll/tls-context.ts";
import { hex, RawClient, rounds } from "../../support/raw.ts";
import { tlsClient } from "../tls-client.ts";

const read = (name: string) => readFileSync(new URL(`../../support/${name}`, import.meta.url), "utf8");
const openssl = loadOpenssl();
const libc = loadLibc();

/** Writes down the outcome. */
class Owner implements HandshakeOwner {
  error: Error | undefined;
  done = false;
  mayProceed(): boolean {
    return true;
  }
  secured(): void {
    this.done = true;
  }
  failed(handshake: Handshake, error: Error): void {
    this.error = error;
    handshake.drop();
  }
}

let host: HandshakeHost;
let context: TlsContext;
let acceptor: Acceptor;
let owner: Owner;
let handshakes: Handshake[];
beforeEach(() => {
  const landing = Buffer.alloc(65_536);
  host = { libc, pollset: new Pollset(libc), timers: new TimerQueue(), landing };
  context = serverContext(openssl, { cert: read("cert.pem"), key: read("key.pem") });
  owner = new Owner();
  handshakes = [];
  const door = {
    take: (fd: number, remoteAddress: string, remotePort: number) => {
      const side = "server" as const;
      const opening = { fd, remoteAddress, remotePort, context, side, asksPeer: false, timeout: 1000 };
      handshakes.push(new Handshake(host, opening, owner));
    },
    close() {},
  };
  const listenHost = { ...host, logger: quietLogger };
  acceptor = openListener(listenHost, [encodeInternet("127.0.0.1", 0)], {}, door);
});
afterEach(() => {
  for (const handshake of handshakes) handshake.drop();
  acceptor.release();
  host.pollset.destroy();
  context.release();
});

/** Serves what is ready until `condition` holds. */
async function serveUntil(condition: () => boolean): Promise<void> {
  while (!condition()) {
    const ready = host.pollset.wait(0);
    for (let i = 0; i < ready; i++) host.pollset.source(i)?.onEvent(host.pollset.mask(i));
    await rounds(1);
  }
}

test("is told to its owner when it is done, and hands over socket and session", async () => {
  const connecting = tlsClient(acceptor.port, { ca: read("cert.pem") });
  await serveUntil(() => owner.done);
  const client = await connecting;
  const [handshake] = handshakes;
  const [fd, session] = handshake.hand((secured) => [host.pollset.detach(secured), secured.session]);
  expect([handshake.fd, handshake.session, host.timers.size]).toEqual([-1, 0, 0]);
  expect(openssl.write(session, Buffer.from("hello"), 5)).toBe(5);
  expect((await client.bytes(5)).toString()).toBe("hello");
  openssl.freeSession(session);
  libc.close(fd);
  client.destroy();
});

test("makes no session before the first byte, and one from then on", async () => {
  const client = await RawClient.connect(acceptor.port);
  await serveUntil(() => handshakes.length === 1);
  await serveUntil(() => host.pollset.wait(0) === 0);
  expect(handshakes[0].session).toBe(0);
  await client.send(hex("16"));
  await serveUntil(() => handshakes[0].session !== 0);
  client.destroy();
  await serveUntil(() => owner.error !== undefined);
});

test("answers what is no TLS with an alert, and tells OpenSSL's reason", async () => {
  const client = await RawClient.connect(acceptor.port);
  await client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await serveUntil(() => owner.error !== undefined);
  expect(owner.error).toMatchObject({ code: "ERR_SSL_HTTP_REQUEST", message: "http request" });
  await client.closed();
});

test("sends the alert for a version that is too old, and the peer can read it", async () => {
  const connecting = tlsClient(acceptor.port, {
    minVersion: "TLSv1.1",
    maxVersion: "TLSv1.1",
    ciphers: "DEFAULT@SECLEVEL=0",
  });
  const refused = expect(connecting).rejects.toThrow(/alert protocol version/);
  await serveUntil(() => owner.error !== undefined);
  await refused;
});

test("fails when its time is over, and when the peer goes away", async () => {
  const silent = await RawClient.connect(acceptor.port);
  await serveUntil(() => handshakes.length === 1);
  host.timers.expire(host.timers.next());
  expect(owner.error).toMatchObject({ code: "ETIMEDOUT" });
  await silent.closed();
  owner.error = undefined;
  const gone = await RawClient.connect(acceptor.port);
  await serveUntil(() => handshakes.length === 2);
  gone.abort();
  await serveUntil(() => owner.error !== undefined);
  expect(owner.error).toMatchObject({ code: "ECONNRESET" });
  silent.destroy();
});

test("gives a socket back that was not read from", async () => {
  const client = await RawClient.connect(acceptor.port);
  await client.send("plain");
  await serveUntil(() => handshakes.length === 1);
  const fd = handshakes[0].detach();
  const bytes = Buffer.alloc(16);
  expect(libc.recv(fd, bytes, 16)).toBe(5);
  expect([handshakes[0].fd, host.timers.size]).toEqual([-1, 0]);
  libc.close(fd);
  client.destroy();
});
