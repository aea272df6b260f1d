import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import type { DuplexOptions } from "node:stream";
import { WS_NOHTTP, type WsSocket, wsAttachClient, wsAttachServer } from "../../lib/stream/index.ts";
import type { AcceptOptions, ConnectOptions } from "../../lib/stream/options.ts";
import { duplexPair, type PairedDuplex } from "../support/duplex-pair.ts";
import { type ParsedFrame, parseFrames } from "../support/frames.ts";
import { rounds } from "../support/raw.ts";

/** A socket without handshake, and the other end of its stream, which knows no protocol. */
export class Raw {
  readonly socket: WsSocket;
  readonly stream: PairedDuplex;
  readonly peer: PairedDuplex;

  constructor(socket: WsSocket, stream: PairedDuplex, peer: PairedDuplex) {
    this.socket = socket;
    this.stream = stream;
    this.peer = peer;
    // That the stream breaks is for the socket to tell.
    peer.on("error", () => {});
  }

  /** The frames that the socket has sent. */
  get frames(): ParsedFrame[] {
    return parseFrames(Buffer.concat(this.stream.written));
  }
}

export async function rawServer(options: AcceptOptions = {}, pair: DuplexOptions = {}): Promise<Raw> {
  const [stream, peer] = duplexPair(pair);
  const flags = (options.flags ?? 0) | WS_NOHTTP;
  return new Raw(await wsAttachServer(stream, { ...options, flags }), stream, peer);
}

export async function rawClient(options: ConnectOptions = {}, pair: DuplexOptions = {}): Promise<Raw> {
  const [stream, peer] = duplexPair(pair);
  const flags = (options.flags ?? 0) | WS_NOHTTP;
  return new Raw(await wsAttachClient(stream, { ...options, flags }), stream, peer);
}

/** Two sockets, client and server, without handshake. */
export async function bothEnds(
  flags = 0,
  pair: DuplexOptions = {},
): Promise<[client: WsSocket, server: WsSocket]> {
  const [left, right] = duplexPair(pair);
  return [
    await wsAttachClient(left, { flags: flags | WS_NOHTTP }),
    await wsAttachServer(right, { flags: flags | WS_NOHTTP }),
  ];
}

/** Two ends of a TCP connection. */
export async function tcpPair(): Promise<[client: Socket, server: Socket]> {
  const listener = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as { port: number };
  const client = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  const [server] = (await once(listener, "connection")) as [Socket];
  listener.close();
  return [client, server];
}

/** The code of the error that a promise is rejected with; undefined when it is kept. */
export async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code;
  }
}

/** How a promise stands after some turns of the loop. */
export async function stateOf(promise: Promise<unknown>): Promise<"kept" | "broken" | "pending"> {
  let state: "kept" | "broken" | "pending" = "pending";
  promise.then(
    () => (state = "kept"),
    () => (state = "broken"),
  );
  await rounds(5);
  return state;
}

/** Fills the stream until it has no room. */
export async function choke({ socket, stream }: Raw): Promise<void> {
  while (!stream.writableNeedDrain) await socket.send(0, Buffer.alloc(1000));
}
