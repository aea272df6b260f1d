import type { Link, LinkHandler, Listener, ListenOptions, Loop } from "../../lib/loop/loop.ts";
import { RawClient } from "../support/raw.ts";

/** A handler that writes down what it is told. Each of the four may be replaced. */
export class Recorder implements LinkHandler {
  readonly events: string[] = [];
  received = Buffer.alloc(0);
  error: Error | undefined;
  link!: Link;

  /** What `onBytes` does besides writing it down. */
  thenBytes: ((buffer: Buffer, start: number, end: number) => void) | undefined;
  thenEnd: (() => void) | undefined;
  thenWritable: (() => void) | undefined;
  thenClose: (() => void) | undefined;

  get text(): string {
    return this.received.toString("latin1");
  }

  get closed(): boolean {
    return this.events.includes("close");
  }

  onBytes(buffer: Buffer, start: number, end: number): void {
    this.events.push("bytes");
    this.received = Buffer.concat([this.received, buffer.subarray(start, end)]);
    this.thenBytes?.(buffer, start, end);
  }

  onEnd(): void {
    this.events.push("end");
    this.thenEnd?.();
  }

  onWritable(): void {
    this.events.push("writable");
    this.thenWritable?.();
  }

  onClose(error?: Error): void {
    this.events.push("close");
    this.error = error;
    this.thenClose?.();
  }
}

/** Services `loop` until `condition` holds. */
export async function serviceUntil(loop: Loop, condition: () => boolean): Promise<void> {
  while (!condition()) await loop.service(10);
}

/** Services `loop` until `promise` is settled. */
export async function drive<T>(loop: Loop, promise: Promise<T>): Promise<T> {
  let settled = false;
  const note = () => {
    settled = true;
  };
  promise.then(note, note);
  await serviceUntil(loop, () => settled);
  return promise;
}

/** Services `loop` a few times: whatever was going to happen has happened then. */
export async function serviceSome(loop: Loop): Promise<void> {
  for (let i = 0; i < 8; i++) await loop.service(2);
}

/** A loop that listens, and those who came. */
export class Stage {
  readonly loop: Loop;
  readonly arrived: Recorder[] = [];
  listener!: Listener;

  constructor(loop: Loop) {
    this.loop = loop;
  }

  async listen(options: ListenOptions = { host: "127.0.0.1" }): Promise<Listener> {
    this.listener = await this.loop.listen(options, (link) => {
      const recorder = new Recorder();
      recorder.link = link;
      this.arrived.push(recorder);
      return recorder;
    });
    return this.listener;
  }

  /** A client and the link that it has with the loop. */
  async pair(): Promise<{ client: RawClient; peer: Recorder; link: Link }> {
    if (this.listener === undefined) await this.listen();
    const before = this.arrived.length;
    const client = await RawClient.connect(this.listener.port);
    await serviceUntil(this.loop, () => this.arrived.length > before);
    const peer = this.arrived[before];
    return { client, peer, link: peer.link };
  }
}

/** Writes `bytes` into the link's block, as a frame is. */
export function put(link: Link, bytes: Uint8Array | string): void {
  const data = typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes;
  const at = link.reserve(data.length);
  link.block.set(data, at);
  link.commit(data.length);
}

/** Sends all of `bytes`. */
export function sendAll(link: Link, bytes: Uint8Array | string): void {
  const data = typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes;
  link.send(data, 0, data.length);
}

/** Bytes that tell where they stand: any loss, doubling or swap shows. */
export function pattern(size: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(size);
  let state = seed;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}
