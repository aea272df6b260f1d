import type { Duplex } from "node:stream";
import { requestBytes } from "../http/request-bytes.ts";
import { isOwned } from "./byte-stream.ts";
import { Connection } from "./connection.ts";
import { type Deadline, deadlineOf, signalOf } from "./deadline.ts";
import { invalid, refused, WsError } from "./errors.ts";
import { type Agreement, acceptUpgrade, askUpgrade, NO_AGREEMENT, Refusal } from "./handshake.ts";
import type { AcceptOptions, AttachOptions, ConnectOptions, StorageOption } from "./options.ts";
import { ALL_FLAGS, WS_NOHTTP } from "./options.ts";
import { WsSocket } from "./socket.ts";
import { takeStorage, WsStorage } from "./storage.ts";

const MAX_MESSAGE_SIZE = 16_777_216;
/** How long an answer to a wrong request may take to be read, in milliseconds. */
const LINGER = 250;
const NOTHING = Buffer.alloc(0);

/**
 * Makes a WebSocket of a stream, as the server: reads the client's request and answers it. libdill's
 * `ws_attach_server`.
 *
 * The stream belongs to the socket from here on, until `detach` gives it back. When attaching fails it is destroyed,
 * so that the caller never has to clean up; a wrong request is answered with an HTTP error before.
 *
 * @param stream - Any Duplex of bytes: a TCP, TLS or Unix socket, a pair of pipes.
 * @throws WsError (the promise is rejected with it)
 *   - EBADF: the stream is destroyed, or another socket has attached to it. It is left alone.
 *   - ENOTSUP: it is no Duplex, or one of text. It is left alone.
 *   - EINVAL: an option is wrong.
 *   - EPROTO: the request is none for a WebSocket, or was not accepted; `status` is what was answered.
 *   - EMSGSIZE: the request is too long; `status` is what was answered.
 *   - ECONNRESET: the stream broke or ended amid the handshake. EMFILE, ENOMEM: so it broke.
 *   - ETIMEDOUT, ECANCELED: the deadline passed, the signal was aborted.
 *   What `accept` and `protocols` throw is thrown on as it is, and answered with 500.
 */
export function wsAttachServer(stream: Duplex, options: AcceptOptions = {}): Promise<WsSocket> {
  return attach(stream, new Connection(), true, options, accept);
}

/**
 * `wsAttachServer` into a storage. libdill's `ws_attach_server_mem`.
 *
 * @throws WsError as `wsAttachServer`, and EINVAL without a storage, EBUSY for one that is in use.
 */
export function wsAttachServerMem(stream: Duplex, options: AcceptOptions & StorageOption): Promise<WsSocket> {
  return attach(stream, options?.storage, true, options, accept);
}

/**
 * Makes a WebSocket of a stream, as the client: sends a request for `resource` at `host` and checks the answer.
 * libdill's `ws_attach_client`. The stream belongs to the socket, as in `wsAttachServer`.
 *
 * @throws WsError as `wsAttachServer`; EINVAL also for a resource or host that cannot be sent. EPROTO: the server did
 *   not accept, or wrongly; `status` and `headers` are those of its answer.
 */
export function wsAttachClient(stream: Duplex, options: ConnectOptions = {}): Promise<WsSocket> {
  return attach(stream, new Connection(), false, options, askUpgrade);
}

/**
 * `wsAttachClient` into a storage. libdill's `ws_attach_client_mem`.
 *
 * @throws WsError as `wsAttachClient`, and EINVAL without a storage, EBUSY for one that is in use.
 */
export function wsAttachClientMem(
  stream: Duplex,
  options: ConnectOptions & StorageOption,
): Promise<WsSocket> {
  return attach(stream, options?.storage, false, options, askUpgrade);
}

type Handshake<Options> = (connection: Connection, options: Options) => Promise<Agreement>;

async function attach<Options extends AttachOptions>(
  stream: Duplex,
  place: Connection | WsStorage | undefined,
  server: boolean,
  options: Options,
  handshake: Handshake<Options>,
): Promise<WsSocket> {
  checkStream(stream);
  const connection = begin(stream, place, server, options);
  const { flags = 0, maxMessageSize = MAX_MESSAGE_SIZE } = options;
  try {
    const agreement = (flags & WS_NOHTTP) !== 0 ? NO_AGREEMENT : await handshake(connection, options);
    return new WsSocket(connection, flags, maxMessageSize, agreement);
  } catch (error) {
    await giveUp(connection, error);
    throw error instanceof Refusal ? error.error : error;
  }
}

/** @throws WsError ENOTSUP, EBADF: the stream is not ours to destroy. */
function checkStream(stream: Duplex): void {
  const { read, write, on, pause, destroy } = (stream ?? {}) as Partial<Duplex>;
  if (![read, write, on, pause, destroy].every((method) => typeof method === "function")) {
    throw new WsError("ENOTSUP", "what was given is not a Duplex");
  }
  if (stream.readableEncoding !== null && stream.readableEncoding !== undefined) {
    throw new WsError("ENOTSUP", "the stream gives text: setEncoding was called");
  }
  if (stream.destroyed) throw new WsError("EBADF", "the stream is destroyed", { cause: stream.errored });
  if (isOwned(stream)) throw new WsError("EBADF", "the stream belongs to another socket");
}

/** Takes the stream over, or destroys it. */
function begin(
  stream: Duplex,
  place: Connection | WsStorage | undefined,
  server: boolean,
  options: AttachOptions & Pick<AcceptOptions, "request">,
): Connection {
  try {
    check(options);
    if (place === undefined) throw invalid("storage is missing");
    const connection = place instanceof WsStorage ? takeStorage(place) : place;
    if (!(connection instanceof Connection)) throw invalid("storage is not a WsStorage");
    connection.open(stream, server, initialOf(options));
    return connection;
  } catch (error) {
    stream.on("error", () => {});
    stream.destroy();
    throw refused(error);
  }
}

function check(options: AttachOptions): void {
  if (typeof options !== "object" || options === null) throw invalid("the options are not an object");
  const { flags = 0, maxMessageSize = 0, initial = NOTHING } = options;
  if (!Number.isInteger(flags) || (flags & ~ALL_FLAGS) !== 0)
    throw invalid("flags are WS_TEXT and WS_NOHTTP, or-ed");
  if (!Number.isInteger(maxMessageSize) || maxMessageSize < 0) throw invalid("maxMessageSize is not a size");
  if (!(initial instanceof Uint8Array)) throw invalid("initial is not bytes");
  const signal = signalOf(options as Deadline);
  deadlineOf(options as Deadline);
  if (signal?.aborted) throw new WsError("ECANCELED", "the call was canceled", { cause: signal.reason });
}

function initialOf({ flags = 0, request, initial = NOTHING }: AcceptOptions): Uint8Array {
  if (request === undefined || (flags & WS_NOHTTP) !== 0) return initial;
  if (!Array.isArray(request?.rawHeaders)) throw invalid("request is not that of an upgrade event");
  return Buffer.concat([requestBytes(request), initial]);
}

function accept(connection: Connection, options: AcceptOptions): Promise<Agreement> {
  return acceptUpgrade(connection, options);
}

/** Destroys the stream, behind the answer to a wrong request. */
async function giveUp(connection: Connection, error: unknown): Promise<void> {
  if (!(error instanceof Refusal) || !connection.bytes.stream.writable) return connection.destroy();
  connection.bytes.stream.write(error.reply, "latin1");
  await connection.end(LINGER);
}
