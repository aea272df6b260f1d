import { ReadableStream, WritableStream } from "node:stream/web";
import { NORMAL } from "../ws/codes.ts";
import type { WsError } from "./errors.ts";
import { WS_BINARY, WS_TEXT } from "./options.ts";

/** A message. */
export interface Message {
  /** `WS_TEXT` or `WS_BINARY`. */
  flags: number;
  /** The payload, which is the caller's. */
  data: Buffer;
}

/** What these need of a socket. */
export interface Messages {
  recv(): Promise<Message>;
  send(flags: number, data: string | Uint8Array): Promise<void>;
  done(status: number): Promise<void>;
  status(): unknown;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The next message; null when the peer or this side has closed. */
export async function nextMessage(socket: Messages): Promise<Message | null> {
  try {
    return await socket.recv();
  } catch (error) {
    if (hasClosed(socket, (error as WsError).code)) return null;
    throw error;
  }
}

function hasClosed(socket: Messages, code: string): boolean {
  // Nobody else cancels it: there is no signal.
  if (code === "EBADF" || code === "ECANCELED") return true;
  if (code !== "EPIPE") return false;
  try {
    socket.status();
    return true;
  } catch {
    return false;
  }
}

/** One message for each pull, none before. */
export function readableOf(socket: Messages): ReadableStream<string | Uint8Array> {
  return new ReadableStream(
    {
      async pull(controller) {
        const message = await nextMessage(socket);
        if (message === null) controller.close();
        else controller.enqueue(message.flags === WS_TEXT ? message.data.toString() : message.data);
      },
      cancel: () => socket[Symbol.asyncDispose](),
    },
    { highWaterMark: 0 },
  );
}

/** One message for each chunk. */
export function writableOf(socket: Messages): WritableStream<string | Uint8Array> {
  return new WritableStream({
    write: (chunk) => socket.send(typeof chunk === "string" ? WS_TEXT : WS_BINARY, chunk),
    close: () => socket.done(NORMAL),
    abort: () => socket[Symbol.asyncDispose](),
  });
}
