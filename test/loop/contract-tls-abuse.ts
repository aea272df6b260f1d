import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { connect as tlsConnect } from "node:tls";
import { describe, expect, test } from "vitest";
import type { ListenOptions } from "../../lib/loop/loop.ts";
import { RawClient } from "../support/raw.ts";
import type { OnStage } from "./contract.ts";
import { drive, pattern, serviceSome, serviceUntil } from "./recorder.ts";
import { ca, here, tlsClient } from "./tls-client.ts";

/** Peers that cannot, or will not, keep to TLS; and those that send and take a lot of it. */
export function tlsAbuseContract(stage: OnStage): void {
  const listen = (more: ListenOptions = {}) => stage().listen({ host: "127.0.0.1", tls: here, ...more });
  const driven = <T>(promise: Promise<T>) => drive(stage().loop, promise);
  const until = (condition: () => boolean) => serviceUntil(stage().loop, condition);

  async function pair() {
    const { port } = await listen();
    const client = await driven(tlsClient(port));
    await until(() => stage().arrived.length === 1);
    const [peer] = stage().arrived;
    return { client, peer, link: peer.link };
  }

  /** Says something, ends, and waits until the other side has ended too. */
  async function say(port: number, bytes: Buffer): Promise<void> {
    const client = await RawClient.connect(port);
    void client.send(bytes);
    client.end();
    await driven(client.closed());
    client.destroy();
  }

  describe("a handshake", () => {
    test("may come a byte at a time", async () => {
      const { port } = await listen();
      const socket = tlsConnect({
        socket: new Trickle(connect(port, "127.0.0.1")),
        ca,
        servername: "localhost",
      });
      await driven(new Promise((resolve) => socket.once("secureConnect", resolve)));
      socket.write("every byte");
      await until(() => stage().arrived[0]?.text === "every byte");
      socket.destroy();
    });

    test("of garbage is dropped, and others are served on", async () => {
      const { port } = await listen();
      for (const garbage of [randomBytes(300), Buffer.alloc(300), Buffer.from([22, 3, 1, 255, 255, 1])]) {
        await say(port, garbage);
      }
      expect(stage().arrived).toHaveLength(0);
      (await driven(tlsClient(port))).destroy();
    });

    test("with any one byte of its ClientHello changed is dropped or goes on, and others are served on", async () => {
      const { port } = await listen();
      const hello = await clientHello();
      for (let at = 0; at < hello.length; at += 5) {
        const changed = Buffer.from(hello);
        changed[at] ^= 0xff;
        await say(port, changed);
      }
      expect(stage().arrived).toHaveLength(0);
      (await driven(tlsClient(port))).destroy();
    });

    test.each([
      ["stops behind its ClientHello", async (client: RawClient, hello: Buffer) => client.send(hello)],
      [
        "stops within its ClientHello",
        async (client: RawClient, hello: Buffer) => client.send(hello.subarray(0, 50)),
      ],
      [
        "goes on for ever",
        async (client: RawClient, hello: Buffer) => {
          for (let at = 0; !client.ended; at++) {
            await client.send(hello.subarray(at, at + 1));
            await new Promise((resolve) => setTimeout(resolve, 10));
          }
        },
      ],
    ])("that %s is dropped when its time is over", async (_what, send) => {
      const { port } = await listen({ handshakeTimeout: 200 });
      const client = await RawClient.connect(port);
      void send(client, await clientHello());
      await driven(client.closed());
      client.destroy();
      expect(stage().arrived).toHaveLength(0);
    });

    test.each(["nothing", "half a ClientHello", "a ClientHello"])(
      "that is reset behind %s leaves nothing",
      async (what) => {
        const { port } = await listen();
        const hello = await clientHello();
        const client = await RawClient.connect(port);
        if (what !== "nothing") await client.send(what.startsWith("half") ? hello.subarray(0, 60) : hello);
        await serviceSome(stage().loop);
        client.abort();
        await serviceSome(stage().loop);
        expect(stage().arrived).toHaveLength(0);
      },
    );

    test("does not leave descriptors behind, of 500 that are cut short", async () => {
      const { port } = await listen();
      const hello = await clientHello();
      const before = descriptors();
      for (let round = 0; round < 20; round++) {
        const clients = await driven(Promise.all(Array.from({ length: 25 }, () => RawClient.connect(port))));
        for (const [i, client] of clients.entries()) void client.send(hello.subarray(0, i * 20));
        await serviceSome(stage().loop);
        for (const client of clients) client.abort();
      }
      await until(() => descriptors() <= before + 2);
      expect(stage().arrived).toHaveLength(0);
    });
  });

  describe("an open link", () => {
    test("tells of a reset as an error, and of a FIN without close_notify as an end", async () => {
      const { port } = await listen();
      const reset = new Tap(port);
      const fin = new Tap(port);
      for (const { secured } of [reset, fin]) await driven(secured);
      await until(() => stage().arrived.length === 2);
      reset.socket.resetAndDestroy();
      fin.socket.end();
      const [first, second] = stage().arrived;
      await until(() => first.closed && second.events.includes("end"));
      expect(first.error).toBeInstanceOf(Error);
      second.link.end();
      await until(() => second.closed);
      fin.socket.destroy();
    });

    test("still sends to a peer that has ended", async () => {
      const { port } = await listen();
      const client = await driven(tlsClient(port, { allowHalfOpen: true } as object));
      await until(() => stage().arrived.length === 1);
      const [peer] = stage().arrived;
      client.end();
      await until(() => peer.events.includes("end"));
      const sent = pattern(1 << 20);
      peer.link.send(sent, 0, sent.length);
      peer.link.end();
      expect((await driven(client.bytes(sent.length))).equals(sent)).toBe(true);
      await until(() => peer.closed);
      expect(peer.error).toBeUndefined();
    });

    test("ends with an error when a record was changed on the way", async () => {
      const { port } = await listen();
      const tap = new Tap(port);
      await driven(tap.secured);
      await until(() => stage().arrived.length === 1);
      tap.socket.write(Buffer.from([23, 3, 3, 0, 32, ...randomBytes(32)]));
      const [peer] = stage().arrived;
      await until(() => peer.closed);
      expect(peer.error).toBeInstanceOf(Error);
      expect(peer.received).toHaveLength(0);
    });

    test("carries pieces of every size around that of a record, both ways", async () => {
      const { client, peer, link } = await pair();
      peer.thenBytes = (buffer, start, end) => link.send(buffer, start, end);
      const sent = pattern(16_390 * 20);
      let at = 0;
      for (const size of [1, 2, 16_382, 16_383, 16_384, 16_385, 16_386, 32_767, 32_768, 32_769]) {
        void client.send(sent.subarray(at, at + size));
        at += size;
        await driven(client.bytes(size)).then((got) =>
          expect(got.equals(sent.subarray(at - size, at))).toBe(true),
        );
      }
      client.destroy();
    });

    test("carries 16 MiB both ways at once", async () => {
      const { client, peer, link } = await pair();
      const sent = pattern(16 << 20);
      const chunks: Buffer[] = [];
      let size = 0;
      peer.onBytes = (buffer, start, end) => {
        chunks.push(Buffer.from(buffer.subarray(start, end)));
        size += end - start;
      };
      void client.send(sent);
      link.send(sent, 0, sent.length);
      const got = await driven(client.bytes(sent.length));
      await until(() => size === sent.length);
      expect(got.equals(sent)).toBe(true);
      expect(Buffer.concat(chunks).equals(sent)).toBe(true);
      client.destroy();
    });

    test("queues for a peer that does not read, and sends it all when it does", async () => {
      const { client, link, peer } = await pair();
      client.pause();
      const sent = pattern(12 << 20);
      link.send(sent, 0, sent.length);
      await serviceSome(stage().loop);
      expect(link.choked).toBe(true);
      expect(link.queued).toBeGreaterThan(0);
      link.requestWritable();
      await serviceSome(stage().loop);
      expect(peer.events).not.toContain("writable");
      client.resume();
      const got = await driven(client.bytes(sent.length));
      expect(got.equals(sent)).toBe(true);
      await until(() => peer.events.includes("writable"));
      expect(link.queued).toBe(0);
      client.destroy();
    });

    test("stalls the peer while it is paused, and loses nothing", async () => {
      const { client, link, peer } = await pair();
      link.pause();
      const sent = pattern(3 << 20);
      void client.send(sent);
      await serviceSome(stage().loop);
      expect(peer.received).toHaveLength(0);
      link.resume();
      await until(() => peer.received.length === sent.length);
      expect(peer.received.equals(sent)).toBe(true);
      client.destroy();
    });

    test("sends what is queued before it ends, and close_notify", async () => {
      const { client, link, peer } = await pair();
      const sent = pattern(2 << 20);
      link.send(sent, 0, sent.length);
      link.end();
      const got = await driven(client.closed());
      expect(got.equals(sent)).toBe(true);
      client.end();
      await until(() => peer.closed);
      expect(peer.error).toBeUndefined();
    });
  });

  test("leaves no descriptors behind, of 200 links that came and went", async () => {
    const { port } = await listen();
    const before = descriptors();
    for (let round = 0; round < 10; round++) {
      const clients = await driven(Promise.all(Array.from({ length: 20 }, () => tlsClient(port))));
      await until(() => stage().arrived.length === 20 * (round + 1));
      for (const [i, client] of clients.entries()) {
        const peer = stage().arrived[20 * round + i];
        peer.thenEnd = () => peer.link.end();
        if (i % 2 === 0) client.destroy();
        else peer.link.destroy();
      }
      await until(() => stage().arrived.every(({ closed }) => closed));
      for (const client of clients) client.destroy();
    }
    await until(() => descriptors() <= before + 2);
  });
}

const descriptors = () => readdirSync("/proc/self/fd").length;

/** The first bytes that a client of node:tls says. */
async function clientHello(): Promise<Buffer> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  const socket = tlsConnect({ port, host: "127.0.0.1" }).on("error", () => {});
  const hello = await new Promise<Buffer>((resolve) =>
    server.once("connection", (peer) => peer.once("data", resolve)),
  );
  socket.destroy();
  server.close();
  return hello;
}

/** Sends every byte by itself. */
class Trickle extends Duplex {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    super();
    this.#socket = socket.setNoDelay(true);
    socket.on("data", (bytes) => this.push(bytes));
    socket.on("end", () => this.push(null));
    socket.on("error", () => {});
  }

  override _read(): void {}

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (bytes.length === 0) return done();
    this.#socket.write(bytes.subarray(0, 1), () => this._write(bytes.subarray(1), _encoding, done));
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}

/** A client of TLS whose wire can be written to. */
class Tap {
  readonly socket: Socket;
  readonly secured: Promise<unknown>;

  constructor(port: number) {
    this.socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    this.socket.on("error", () => {});
    const wire = new Wire(this.socket);
    const secure = tlsConnect({ socket: wire, ca, servername: "localhost" }).on("error", () => {});
    this.secured = new Promise((resolve) => secure.once("secureConnect", resolve));
  }
}

/** A socket as a stream that TLS does not take over. */
class Wire extends Trickle {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    super(socket);
    this.#socket = socket;
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(bytes, done);
  }
}
