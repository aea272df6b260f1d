import { connect, type NetConnectOpts, type Socket } from "node:net";
import { errorCode } from "../../lib/base/errors.ts";

/** Turns `"81 05 48"` into bytes. */
export function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(/\s+/g, ""), "hex");
}

/** Lets Node poll `count` times: what is in the kernel already has arrived then. */
export async function rounds(count = 10): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

/**
 * A TCP (or any byte stream) client that knows no protocol: what it sends and what it gets are bytes.
 *
 * ```ts
 * const client = await RawClient.connect(port);
 * client.send("GET / HTTP/1.1\r\n\r\n");          // text is sent as Latin-1
 * client.send(hex("81 05 48 65 6c 6c 6f"));
 * (await client.bytes(2)).toString("hex");         // exactly two bytes, what follows stays for later
 * await client.closed();                           // until the peer has ended or reset; gives the unread bytes
 * ```
 */
export class RawClient {
  readonly socket: Socket;
  /** The chunks as they came, for tests of how bytes were put together. */
  readonly chunks: Buffer[] = [];
  #unread: Buffer[] = [];
  #size = 0;
  #ended = false;
  #error: Error | undefined;
  #waiting: (() => void)[] = [];

  /** Connects to a port of 127.0.0.1, or to what `target` says (`{ path }`, `{ port, host }`). */
  static connect(target: number | NetConnectOpts): Promise<RawClient> {
    const where = typeof target === "number" ? { port: target, host: "127.0.0.1" } : target;
    const socket = connect({ noDelay: true, allowHalfOpen: true, ...where });
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(new RawClient(socket));
      });
    });
  }

  /** Speaks over a socket that is connected already, a `TLSSocket` for example. */
  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("end", () => this.#finish());
    socket.on("close", () => this.#finish());
    socket.on("error", (error) => {
      this.#error = error;
      this.#finish();
    });
  }

  /** Bytes that were received and not read. */
  get available(): number {
    return this.#size;
  }

  /** True when the peer has ended or reset. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Sends bytes, or text as Latin-1; resolves when the kernel has them. */
  send(data: Uint8Array | string): Promise<void> {
    const bytes = typeof data === "string" ? Buffer.from(data, "latin1") : data;
    return new Promise((resolve) => {
      this.socket.write(bytes, () => resolve());
    });
  }

  /** The next `count` bytes. Rejects when the peer ends before. */
  async bytes(count: number): Promise<Buffer> {
    while (this.#size < count) {
      if (this.#ended) throw this.#tooShort(`${count} bytes`);
      await this.#change();
    }
    return this.#cut(count);
  }

  /** All bytes up to and including `marker`. Rejects when the peer ends before. */
  async until(marker: string): Promise<Buffer> {
    for (;;) {
      const at = this.#joined().indexOf(marker, 0, "latin1");
      if (at >= 0) return this.#cut(at + Buffer.byteLength(marker, "latin1"));
      if (this.#ended) throw this.#tooShort(JSON.stringify(marker));
      await this.#change();
    }
  }

  /** Waits until the peer has ended (FIN) or reset; gives the bytes that were not read. */
  async closed(): Promise<Buffer> {
    while (!this.#ended) await this.#change();
    return this.#cut(this.#size);
  }

  /** Waits until the peer has reset the connection (RST). Rejects when it ends in order. */
  async reset(): Promise<void> {
    await this.closed();
    if (this.#error === undefined) throw new Error("the peer ended in order, it did not reset");
    if (errorCode(this.#error) !== "ECONNRESET") throw this.#error;
  }

  /** Stops reading, so that the peer is stalled by TCP. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Shuts down our side (FIN). */
  end(): void {
    this.socket.end();
  }

  /** Closes at once, both sides. */
  destroy(): void {
    this.socket.destroy();
  }

  /** Sends a reset (RST). */
  abort(): void {
    this.socket.resetAndDestroy();
  }

  #take(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.#unread.push(chunk);
    this.#size += chunk.length;
    this.#wakeAll();
  }

  #finish(): void {
    this.#ended = true;
    this.#wakeAll();
  }

  #wakeAll(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #joined(): Buffer {
    if (this.#unread.length !== 1) this.#unread = [Buffer.concat(this.#unread)];
    return this.#unread[0];
  }

  #cut(count: number): Buffer {
    const joined = this.#joined();
    this.#unread = [joined.subarray(count)];
    this.#size -= count;
    return joined.subarray(0, count);
  }

  #tooShort(wanted: string): Error {
    const got = this.#joined().toString("latin1");
    return new Error(`the peer ended before ${wanted}; unread: ${JSON.stringify(got.slice(0, 200))}`, {
      cause: this.#error,
    });
  }
}
