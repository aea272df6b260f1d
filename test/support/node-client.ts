import { connect as netConnect, type Socket } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { type ParsedFrame, parseFrame, type RequestOptions, readClose, upgradeRequest } from "./frames.ts";
import { RawClient } from "./raw.ts";

/** A reply as it stood on the wire. */
export interface Reply {
  version: string;
  status: number;
  /** Names in lower case; values of the same name joined by ", ". */
  headers: Record<string, string>;
  body: Buffer;
}

export interface PeerOptions {
  port?: number;
  host?: string;
  path?: string;
  localAddress?: string;
  tls?: boolean;
}

const connected = new Set<Peer>();

/** Drops every peer that is still connected. */
export async function dropPeers(): Promise<void> {
  await Promise.all([...connected].map((peer) => peer.drop()));
}

/** A client that says and hears HTTP and WebSocket as a test spells them out, right or wrong. */
export class Peer extends RawClient {
  /** The reply to `upgrade`. */
  reply: Reply | undefined;
  readonly #gone: Promise<void>;

  constructor(socket: Socket) {
    super(socket);
    connected.add(this);
    socket.on("end", () => socket.end());
    this.#gone = new Promise((resolve) =>
      socket.on("close", () => {
        connected.delete(this);
        resolve();
      }),
    );
  }

  static open({ tls, ...target }: PeerOptions): Promise<Peer> {
    const options = { host: "127.0.0.1", port: 0, noDelay: true, ...target };
    const socket = tls ? tlsConnect({ ...options, rejectUnauthorized: false }) : netConnect(options);
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.once(tls ? "secureConnect" : "connect", () => {
        socket.off("error", reject);
        resolve(new Peer(socket));
      });
    });
  }

  /** Sends all of `data` in one write; resolves when the kernel has it, or the connection is gone. */
  override send(...data: (string | Uint8Array)[]): Promise<void> {
    return super.send(Buffer.concat(data.map((each) => Buffer.from(each as string))));
  }

  /** Sends a valid upgrade request, but for what the options change, and takes the reply. */
  async upgrade(options: RequestOptions = {}): Promise<Reply> {
    this.send(upgradeRequest(options));
    this.reply = await this.response();
    return this.reply;
  }

  /** The next frame. */
  async frame(): Promise<ParsedFrame> {
    const start = await this.bytes(2);
    const form = start[1] & 0x7f;
    const more = await this.bytes(form === 127 ? 8 : form === 126 ? 2 : 0);
    const length = form < 126 ? form : form === 126 ? more.readUInt16BE() : Number(more.readBigUInt64BE());
    return parseFrame(Buffer.concat([start, more, await this.bytes(length)]))!;
  }

  async frames(count: number): Promise<ParsedFrame[]> {
    const frames: ParsedFrame[] = [];
    while (frames.length < count) frames.push(await this.frame());
    return frames;
  }

  /** The payload of the next frame as text. */
  async text(): Promise<string> {
    return (await this.frame()).payload.toString();
  }

  /** What the next Close frame says; frames before it are thrown away. */
  async close(): Promise<{ code: number; reason: string }> {
    for (;;) {
      const next = await this.frame();
      if (next.opcode === 8) return readClose(next);
    }
  }

  /** The head of the next reply, to the empty line. */
  async head(): Promise<Reply> {
    const [line, ...fields] = (await this.until("\r\n\r\n")).toString("latin1").trimEnd().split("\r\n");
    const [version, status] = line.split(" ");
    const headers: Record<string, string> = {};
    for (const field of fields) {
      const colon = field.indexOf(":");
      const name = field.slice(0, colon).toLowerCase();
      const value = field.slice(colon + 1).trim();
      headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
    }
    return { version, status: Number(status), headers, body: Buffer.alloc(0) };
  }

  /** The next reply with its body. */
  async response(method = "GET"): Promise<Reply> {
    const reply = await this.head();
    const { status, headers } = reply;
    if (method === "HEAD" || status < 200 || status === 204 || status === 304) return reply;
    if (headers["transfer-encoding"] === "chunked") reply.body = await this.#chunkedBody();
    else if ("content-length" in headers) reply.body = await this.bytes(Number(headers["content-length"]));
    else reply.body = await this.closed();
    return reply;
  }

  async #chunkedBody(): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (;;) {
      const size = Number.parseInt((await this.until("\r\n")).toString("latin1"), 16);
      const data = await this.bytes(size + 2);
      if (size === 0) return Buffer.concat(parts);
      parts.push(data.subarray(0, size));
    }
  }

  /** Closes at once and waits until the socket is gone. */
  drop(): Promise<void> {
    this.destroy();
    return this.#gone;
  }
}
