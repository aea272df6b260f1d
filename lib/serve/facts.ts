import { httpDate } from "../http/http-date.ts";

/** What the system says of a file. Times are milliseconds since 1970, with the fraction that a double holds. */
export interface FileState {
  readonly size: number;
  /** Last change of the contents. */
  readonly mtime: number;
  /** Last change of anything, name and rights included. Nobody can set it back, as mtime can be. */
  readonly ctime: number;
  readonly ino: number;
  readonly dev: number;
}

/** What a reply says of a file. */
export interface FileFacts {
  readonly size: number;
  readonly mtime: number;
  readonly contentType: string;
  /** As it goes on the wire. */
  readonly etag: string;
  /** What Last-Modified says, in milliseconds since 1970: whole seconds, and never later than the reply itself. */
  readonly lastModified: number;
  /** Last-Modified itself. */
  readonly lastModifiedText: string;
  /** See `isSettled`. */
  readonly settled: boolean;
  /** For Content-Encoding. */
  readonly encoding: string | undefined;
  /** For Vary. */
  readonly vary: string | undefined;
  /** For Cache-Control. */
  readonly cacheControl: string | undefined;
}

/** What a mount adds to what the system knows. */
export interface Given {
  readonly contentType: string;
  readonly encoding?: string | undefined;
  readonly vary?: string | undefined;
  readonly cacheControl?: string | undefined;
}

/**
 * For how long a file must have been left alone before its times are trusted. File systems keep them in ticks of some
 * milliseconds, FAT in two seconds, and a second change within one tick leaves no trace in them.
 */
export const SETTLED_MS = 2000;

/** True when another change of the file would show in its times. */
export function isSettled({ ctime }: FileState, now: number): boolean {
  return now - ctime >= SETTLED_MS;
}

/** What is to be said of a file that is in this state. */
export function factsOf(state: FileState, given: Given, now: number): FileFacts {
  const { size, mtime } = state;
  const settled = isSettled(state, now);
  // RFC 9110 section 8.8.2.1: a time that is still to come is replaced by that of the reply.
  const lastModified = Math.floor(Math.min(mtime, now) / 1000) * 1000;
  return {
    size,
    mtime,
    contentType: given.contentType,
    etag: etagOf(state, given.encoding, settled),
    lastModified,
    lastModifiedText: httpDate(lastModified),
    settled,
    encoding: given.encoding,
    vary: given.vary,
    cacheControl: given.cacheControl,
  };
}

/**
 * Size and time of last change, as nginx and Apache have it: it costs no read, and is the same on every machine that the
 * file was copied to with its times. Weak while the file may still change unnoticed, as Apache does; the weak one is the
 * strong one with `W/`, so that a cache revalidates with either.
 */
function etagOf({ size, mtime }: FileState, encoding: string | undefined, settled: boolean): string {
  const time = Math.round(mtime * 1000).toString(36);
  const variant = encoding === undefined ? "" : `-${encoding}`;
  return `${settled ? "" : "W/"}"${time}-${size.toString(36)}${variant}"`;
}
