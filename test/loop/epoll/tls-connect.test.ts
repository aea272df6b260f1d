import type { AddressInfo } from "node:net";
import { createServer, type Server } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createEpollLoop } from "../../../lib/loop/epoll/epoll.ts";
import type { ConnectTls, Link, Loop } from "../../../lib/loop/loop.ts";
import { Authority, pemOf } from "../../support/certificates.ts";
import { temporaryFolder } from "../../support/server.ts";
import { drive, Recorder, serviceSome } from "../recorder.ts";

/* What both loops do as clients is in ../contract-tls-client.ts. */

const authority = new Authority(temporaryFolder());
const ca = pemOf(authority).cert;
const here = pemOf(authority.issue("localhost", "DNS:localhost,IP:127.0.0.1"));
const expired = pemOf(authority.issue("localhost", "DNS:localhost", -1));
const selfSigned = pemOf(authority);

let loop: Loop;
let server: Server | undefined;
beforeEach(() => {
  loop = createEpollLoop();
});
afterEach(async () => {
  server?.close();
  server = undefined;
  await loop.close();
});

async function listen(made: Server): Promise<number> {
  server = made;
  made.listen(0, "127.0.0.1");
  await new Promise((resolve) => made.once("listening", resolve));
  return (made.address() as AddressInfo).port;
}

const serve = (options: TlsOptions) =>
  listen(createTlsServer(options, (socket) => socket.on("error", () => {})).on("tlsClientError", () => {}));

function connect(port: number, tls: ConnectTls, timeout = 5000): Promise<Link> {
  const connected = new Promise<Link>((resolve, reject) => {
    const onLink = (link: Link) => {
      resolve(link);
      return new Recorder();
    };
    loop.connect({ host: "127.0.0.1", port, tls, timeout }, onLink, reject);
  });
  return drive(loop, connected);
}

test.each<[string, TlsOptions, ConnectTls, string]>([
  ["has expired", expired, { ca, servername: "localhost" }, "CERT_HAS_EXPIRED"],
  ["vouches for itself", selfSigned, { servername: "localhost" }, "DEPTH_ZERO_SELF_SIGNED_CERT"],
  ["comes without its chain", here, {}, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
  ["is another's name", here, { ca, servername: "other.example" }, "ERR_TLS_CERT_ALTNAME_INVALID"],
  ["is another's address", here, { ca, servername: "127.0.0.2" }, "ERR_TLS_CERT_ALTNAME_INVALID"],
])("refuses a certificate that %s", async (_what, options, tls, code) => {
  const port = await serve(options);
  await expect(connect(port, tls)).rejects.toMatchObject({ code });
  const link = await connect(port, { ...tls, rejectUnauthorized: false });
  expect(link.peerAuthorized).toBe(false);
  link.destroy();
});

test("connects while serviceSync has the thread, with certificates as text", async () => {
  const arrived: Recorder[] = [];
  const accept = (link: Link) => {
    const recorder = Object.assign(new Recorder(), { link });
    arrived.push(recorder);
    return recorder;
  };
  const { port } = await loop.listen({ host: "127.0.0.1", tls: here }, accept);
  const failed: Error[] = [];
  const tls = { ca, ...pemOf(authority.issue("a client")) };
  loop.connect({ host: "127.0.0.1", port, tls, timeout: 2000 }, accept, (error) => failed.push(error));
  while (arrived.length < 2 && failed.length === 0) loop.serviceSync(10);
  expect(failed).toEqual([]);
  const [client, server] = arrived;
  const hello = Buffer.from("hello");
  client.link.send(hello, 0, hello.length);
  const other = () => [client, server].find(({ text }) => text === "hello");
  while (other() === undefined) loop.serviceSync(10);
});

test("takes a name with the dot at its end", async () => {
  const port = await serve(here);
  const link = await connect(port, { ca, servername: "localhost." });
  expect(link.peerAuthorized).toBe(true);
  link.destroy();
});

test("says so when no version is spoken by both", async () => {
  const port = await serve({ ...here, maxVersion: "TLSv1.2" });
  const failed = connect(port, { ca, minVersion: "TLSv1.3" });
  await expect(failed).rejects.toMatchObject({ code: "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION" });
});

test("says so when the server speaks no TLS, or hangs up, or a file is not there", async () => {
  const greeting = await listen(createServer((socket) => socket.end("220 hello\r\n")));
  await expect(connect(greeting, { ca })).rejects.toMatchObject({ code: "ERR_SSL_WRONG_VERSION_NUMBER" });
  server?.close();
  const hangup = await listen(createServer((socket) => socket.destroy()));
  await expect(connect(hangup, { ca })).rejects.toMatchObject({ code: "ECONNRESET" });
  await expect(connect(hangup, { ca: "/no/such/file" })).rejects.toThrow("/no/such/file");
  await expect(connect(hangup, { ca: "-----BEGIN nothing" })).rejects.toThrow("no start line");
});

test("gives up a handshake that takes too long, by itself, or when the loop is closed", async () => {
  let gone = 0;
  const silent = await listen(
    createServer((socket) =>
      socket
        .on("error", () => {})
        .on("close", () => gone++)
        .resume(),
    ),
  );
  await expect(connect(silent, { ca }, 50)).rejects.toMatchObject({ code: "ETIMEDOUT" });
  const nothing = () => expect.unreachable();
  const giveUp = loop.connect(
    { host: "127.0.0.1", port: silent, tls: { ca }, timeout: 5000 },
    nothing,
    nothing,
  );
  await serviceSome(loop);
  giveUp();
  const failures: Error[] = [];
  loop.connect({ host: "127.0.0.1", port: silent, tls: { ca }, timeout: 5000 }, nothing, (error) =>
    failures.push(error),
  );
  await serviceSome(loop);
  await loop.close();
  expect(failures).toMatchObject([{ code: "ECANCELED" }]);
  while (gone < 2) await new Promise((resolve) => setImmediate(resolve));
});
