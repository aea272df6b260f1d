import type { Readable } from "node:stream";
import type { OutgoingHeaders } from "./wsi.ts";

/** What `readBody`, `readJson` and `readForm` take. */
export interface ReadBodyOptions {
  /**
   * The most bytes to hold; 413 beyond. Default 1 MiB, and never more than the context's `maxBodyBytes`: a context
   * that takes large uploads does not hold them in memory for that.
   */
  maxLength?: number;
  /** Gives the reading up: the promise rejects with the signal's reason, and the rest of the body is dropped. */
  signal?: AbortSignal;
}

/** How much of a form `readMultipart` takes; 413 beyond. The whole of it is bounded by the context's `maxBodyBytes`. */
export interface MultipartOptions {
  /** Bytes of one file. Default 10 MiB. Nothing is held: a file is a stream. */
  maxFileSize?: number;
  /** Default 10. */
  maxFiles?: number;
  /** Default 100. */
  maxFields?: number;
  /** Bytes of one field's value. Default 64 KiB. */
  maxFieldSize?: number;
}

/** A field of a form with its value. */
export interface MultipartField {
  readonly kind: "field";
  readonly name: string;
  readonly value: string;
}

/** A file of a form. */
export interface MultipartFile {
  readonly kind: "file";
  readonly name: string;
  /** As the client calls it, without folders; empty where none was chosen. Never make a path of it. */
  readonly filename: string;
  /** As the client says. */
  readonly contentType: string;
  /** The content. What nobody has begun to read when the next part is asked for is dropped. */
  readonly stream: Readable;
}

export type MultipartPart = MultipartField | MultipartFile;

/** One event of a stream of server-sent events. */
export interface ServerSentEvent {
  /** The event's type; `message` to the client when not given. */
  event?: string;
  /** What a client that connects again gives back as `lastEventId`. */
  id?: string;
  /** Of any number of lines. Line ends of all three kinds arrive as LF. */
  data: string;
}

export interface EventStreamOptions {
  /** Headers of the reply besides `content-type: text/event-stream`, and `cache-control: no-store` unless it is given. */
  headers?: OutgoingHeaders;
  /** Milliseconds after which a client that lost the connection connects again. */
  retry?: number;
  /**
   * Milliseconds after which a comment is sent when nothing else was, so that nobody on the way takes the connection
   * for dead. Default 15 000; 0 for none.
   */
  keepAlive?: number;
}

/** A reply that is a stream of server-sent events (WHATWG HTML, section "Server-sent events"). */
export interface EventStream {
  /** What the client had last, of its Last-Event-ID header; empty when it connects for the first time. */
  readonly lastEventId: string;
  /** Resolves when the stream is over, however it came to be. Never rejects. */
  readonly closed: Promise<void>;
  /** Bytes that wait for the client. Over `maxBufferedBytes` the connection is dropped. */
  readonly bufferedAmount: number;
  /**
   * Sends an event. True when it was taken, false when the stream is over.
   *
   * @throws TypeError for an event or id with CR or LF, an id with NUL, or data that is no string.
   */
  send(event: ServerSentEvent): boolean;
  /** Sends a comment, which clients skip. Returns as `send`. */
  comment(text: string): boolean;
  /** Ends the reply. The client connects again after its `retry`, unless it is told not to (204). */
  close(): void;
}
