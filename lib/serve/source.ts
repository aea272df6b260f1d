import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readlinkSync,
  readSync,
  realpathSync,
  statSync,
} from "node:fs";
import { join, sep } from "node:path";
import { errorCode } from "../base/errors.ts";
import { contentTypeOf } from "./content-type.ts";
import type { Mount } from "./mounts.ts";
import { encodePath } from "./path.ts";

/*
 * All calls here are synchronous, as in nginx and libwebsockets. A blocking `serviceSync` gets no answer from Node's
 * own threads, a page-cached file is opened and read several times faster than through them, and no read is ever under
 * way when its connection ends. What a disk may take its time for is one open and one piece of at most 64 KiB at a time.
 */

/** A regular file that is open. Whoever gets it closes it, by `closeFile` or through a `FileReader`. */
export interface OpenFile {
  kind: "file";
  /** The descriptor. */
  handle: number;
  /** Bytes at the time of opening. */
  size: number;
  /** Last modification, in milliseconds since 1970. */
  mtime: number;
  contentType: string;
}

/** To be answered with 301. `location` is a path of this host, encoded; the request's query goes behind it. */
export interface Redirect {
  kind: "redirect";
  location: string;
}

/** To be answered with this status: 404, 503 when there are no descriptors left, 500 for what should not be. */
export interface FileFault {
  kind: "fault";
  status: number;
}

export type FileResult = OpenFile | Redirect | FileFault;

const NOT_FOUND: FileFault = Object.freeze({ kind: "fault", status: 404 });
/** O_NONBLOCK, because opening a FIFO would wait for its writer. Neither constant is there on Windows. */
const OPEN_FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);

/**
 * Opens what a path of a mount names: a file, or the index file of a folder.
 *
 * @param path - A result of `resolvePath` that lies in `mount`.
 */
export function openMounted(mount: Mount, path: string): FileResult {
  const rest = path.slice(mount.prefix.length);
  if (!mount.dotfiles && hasDotfile(rest)) return NOT_FOUND;
  const file = join(mount.origin, rest.endsWith("/") ? rest + mount.index : rest);
  const result = openChecked(file, mount);
  if (result !== "folder") return result;
  return rest.endsWith("/") ? NOT_FOUND : { kind: "redirect", location: `${encodePath(path)}/` };
}

/**
 * Opens a file that the application names itself, wherever it is.
 *
 * @param contentType - By the extension when it is not given.
 */
export function openNamed(file: string, contentType?: string): OpenFile | FileFault {
  const result = openChecked(file, undefined);
  if (result === "folder") return NOT_FOUND;
  if (result.kind === "file" && contentType !== undefined) result.contentType = contentType;
  return result;
}

/** Closes a file that no `FileReader` was made for. */
export function closeFile(file: OpenFile): void {
  closeSync(file.handle);
}

/** A name that begins with a dot. `.well-known` is meant to be served (RFC 8615). */
function hasDotfile(rest: string): boolean {
  return (
    rest.includes("/.") && rest.split("/").some((name) => name.startsWith(".") && name !== ".well-known")
  );
}

function openChecked(file: string, mount: Mount | undefined): OpenFile | FileFault | "folder" {
  let handle = -1;
  try {
    handle = openSync(file, OPEN_FLAGS);
    const result = describe(handle, file, mount);
    if (typeof result === "object" && result.kind === "file") handle = -1;
    return result;
  } catch (error) {
    return faultOf(errorCode(error));
  } finally {
    if (handle !== -1) closeSync(handle);
  }
}

/** Everything is asked of the open file, not of its path, which may name another one by now. */
function describe(handle: number, file: string, mount: Mount | undefined): OpenFile | FileFault | "folder" {
  const stats = fstatSync(handle);
  if (mount !== undefined && !mount.escapingLinks && !isContained(realPath(handle, file), mount.origin)) {
    return NOT_FOUND;
  }
  if (stats.isDirectory()) return "folder";
  if (!stats.isFile()) return NOT_FOUND;
  const contentType = contentTypeOf(file, mount?.mimeTypes);
  return { kind: "file", handle, size: stats.size, mtime: stats.mtimeMs, contentType };
}

/**
 * Where an open file really is. Linux tells it of the descriptor; elsewhere the path is resolved, and what is there
 * then must be the same file.
 */
function realPath(handle: number, file: string): string | null {
  if (process.platform === "linux") {
    try {
      return readlinkSync(`/proc/self/fd/${handle}`);
    } catch {
      // No /proc is mounted: the other way does as well.
    }
  }
  const path = realpathSync.native(file);
  const [named, opened] = [statSync(path, { bigint: true }), fstatSync(handle, { bigint: true })];
  return named.ino === opened.ino && named.dev === opened.dev ? path : null;
}

/** The real paths of origins. One may come to lie elsewhere, as a link to the newest release does: see `isContained`. */
const realOrigins = new Map<string, string>();

/** True when the real path lies in the folder. A path that seems to be outside has the folder looked up anew. */
function isContained(path: string | null, origin: string): boolean {
  if (path === null) return false;
  const known = realOrigins.get(origin);
  if (known !== undefined && liesIn(path, known)) return true;
  const now = realpathSync.native(origin);
  realOrigins.set(origin, now);
  return liesIn(path, now);
}

function liesIn(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

/** Nothing there, or nothing that may be had: a peer is not told which. */
const MISSING = new Set([
  "ENOENT",
  "ENOTDIR",
  "EISDIR",
  "ELOOP",
  "ENAMETOOLONG",
  "EACCES",
  "EPERM",
  "EINVAL",
  "ENXIO",
]);

function faultOf(code: string): FileFault {
  if (MISSING.has(code) || code === "ERR_INVALID_ARG_VALUE") return NOT_FOUND;
  return { kind: "fault", status: code === "EMFILE" || code === "ENFILE" ? 503 : 500 };
}

/** Bytes of a file that are read at a time. */
export const PIECE_BYTES = 65_536;

/** Lent to one `read` after the other: all of them happen on one thread, and are over when they return. */
const piece = Buffer.allocUnsafeSlow(PIECE_BYTES);

/**
 * Reads a part of an open file, piece by piece, and owns its descriptor.
 *
 * ```ts
 * const reader = new FileReader(file.handle, 0, file.size);
 * const size = reader.read();
 * if (size > 0) link.send(reader.piece, 0, size);
 * else if (reader.truncated) link.destroy();          // less is there than was promised
 * else …                                              // all is read
 * reader.close();
 * ```
 */
export class FileReader {
  /** Where `read` puts the bytes; lent until the next `read` of any reader. */
  readonly piece: Buffer = piece;
  #handle: number;
  #at: number;
  readonly #end: number;
  #truncated = false;

  /** Reads from byte `start` up to byte `end`. */
  constructor(handle: number, start: number, end: number) {
    this.#handle = handle;
    this.#at = start;
    this.#end = end;
  }

  /** Bytes that are still to be read. */
  get remaining(): number {
    return this.#end - this.#at;
  }

  /** True when the file became shorter than it was, or cannot be read any more: the rest will never come. */
  get truncated(): boolean {
    return this.#truncated;
  }

  /** Reads the next piece and returns its size: 0 when all is read, or `truncated`, or the reader is closed. */
  read(): number {
    const wanted = Math.min(this.remaining, PIECE_BYTES);
    if (wanted === 0 || this.#truncated || this.#handle === -1) return 0;
    const size = this.#readAt(wanted);
    this.#at += size;
    this.#truncated = size === 0;
    return size;
  }

  /** Closes the file; harmless when it is closed. */
  close(): void {
    if (this.#handle !== -1) closeSync(this.#handle);
    this.#handle = -1;
  }

  #readAt(wanted: number): number {
    try {
      return readSync(this.#handle, this.piece, 0, wanted, this.#at);
    } catch {
      return 0;
    }
  }
}
