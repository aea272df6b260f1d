import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  realpathSync,
  type Stats,
  statSync,
} from "node:fs";
import { join, sep } from "node:path";
import { codedError, errorCode } from "../base/errors.ts";
import { contentTypeOf } from "./content-type.ts";
import { type FileFacts, type FileState, factsOf, type Given } from "./facts.ts";

/*
 * All calls here are synchronous, as in nginx and libwebsockets. A blocking `serviceSync` gets no answer from Node's
 * own threads, a page-cached file is opened and read several times faster than through them, and no read is ever under
 * way when its connection ends. What a disk may take its time for is one open and one piece of at most 64 KiB at a time.
 */

/** A regular file that may be sent. Whoever gets it closes it, by `closeFile` or through a reader. */
export interface OpenFile extends FileFacts {
  readonly kind: "file";
  /** The descriptor; -1 when `bytes` are there. */
  readonly handle: number;
  /** All of the file, when it is kept in memory. Not to be changed. */
  readonly bytes: Buffer | null;
}

/** A regular file that was opened. */
export interface OpenedFile {
  readonly kind: "file";
  readonly handle: number;
  readonly state: FileState;
}

/** A folder, which stays closed. */
export interface Folder {
  readonly kind: "folder";
}

/** To be answered with this status: 404, 503 when there are no descriptors left, 500 for what should not be. */
export interface FileFault {
  readonly kind: "fault";
  readonly status: number;
}

export const NOT_FOUND: FileFault = Object.freeze({ kind: "fault", status: 404 });
const FOLDER: Folder = Object.freeze({ kind: "folder" });
/** O_NONBLOCK, because opening a FIFO would wait for its writer. Neither constant is there on Windows. */
const OPEN_FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);

/**
 * Opens a file that the application names itself, wherever it is.
 *
 * @param contentType - By the extension when it is not given.
 */
export function openNamed(file: string, contentType = contentTypeOf(file)): OpenFile | FileFault {
  const opened = openPath(file, null);
  if (opened.kind === "folder") return NOT_FOUND;
  return opened.kind === "file" ? openFile(opened, { contentType }, Date.now()) : opened;
}

/** An opened file with what there is to say of it. */
export function openFile({ handle, state }: OpenedFile, given: Given, now: number): OpenFile {
  return { ...factsOf(state, given, now), kind: "file", handle, bytes: null };
}

/** Closes a file that no reader was made for; harmless for one that is kept in memory. */
export function closeFile({ handle }: { readonly handle: number }): void {
  if (handle !== -1) closeSync(handle);
}

/** Opens what a path names. With an `origin` what really lies elsewhere is not found. */
export function openPath(file: string, origin: string | null): OpenedFile | Folder | FileFault {
  let handle = -1;
  try {
    handle = openSync(file, OPEN_FLAGS);
    const result = describe(handle, file, origin);
    if (result.kind === "file") handle = -1;
    return result;
  } catch (error) {
    return faultOf(errorCode(error));
  } finally {
    if (handle !== -1) closeSync(handle);
  }
}

/** Everything is asked of the open file, not of its path, which may name another one by now. */
function describe(handle: number, file: string, origin: string | null): OpenedFile | Folder | FileFault {
  const stats = fstatSync(handle);
  if (origin !== null && !isContained(realPath(handle, file), origin)) return NOT_FOUND;
  if (stats.isDirectory()) return FOLDER;
  return stats.isFile() ? { kind: "file", handle, state: stateFrom(stats) } : NOT_FOUND;
}

function stateFrom({ size, mtimeMs: mtime, ctimeMs: ctime, ino, dev }: Stats): FileState {
  return { size, mtime, ctime, ino, dev };
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

/** The real paths of origins, and which folders they were. One may come to lie elsewhere, as a link to the newest release does. */
const realOrigins = new Map<string, { path: string; dev: number; ino: number }>();

/** True when the real path lies in the folder that the origin is now. */
function isContained(path: string | null, origin: string): boolean {
  if (path === null) return false;
  const { dev, ino } = statSync(origin);
  let known = realOrigins.get(origin);
  if (known === undefined || known.dev !== dev || known.ino !== ino || !liesIn(path, known.path)) {
    known = { path: realpathSync.native(origin), dev, ino };
    realOrigins.set(origin, known);
  }
  return liesIn(path, known.path);
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

/** All bytes of an opened file of a known size, which stays open; null when they are not all there. */
export function readWhole({ handle, state }: OpenedFile): Buffer | null {
  const bytes = Buffer.allocUnsafeSlow(state.size);
  for (let at = 0; at < bytes.length; ) {
    const size = readSync(handle, bytes, at, bytes.length - at, at);
    if (size === 0) return null;
    at += size;
  }
  return bytes;
}

/** What must be so for something that was read to be still good. */
export interface Witness {
  readonly path: string;
  /** The state of a regular file; `folder` for a folder that is no link; `absent` for nothing at all. */
  readonly expected: FileState | "folder" | "absent";
  /** Where a link leads counts, not the link. */
  readonly follows: boolean;
}

const QUIETLY = Object.freeze({ throwIfNoEntry: false });

/** True while the witness says the same. Costs one call to the system. */
export function holds({ path, expected, follows }: Witness): boolean {
  let stats: Stats | undefined;
  try {
    stats = follows ? statSync(path, QUIETLY) : lstatSync(path, QUIETLY);
  } catch {
    return false;
  }
  if (stats === undefined || typeof expected === "string") {
    return stats === undefined ? expected === "absent" : expected === "folder" && stats.isDirectory();
  }
  return (
    stats.mtimeMs === expected.mtime &&
    stats.ctimeMs === expected.ctime &&
    stats.size === expected.size &&
    stats.ino === expected.ino &&
    stats.dev === expected.dev &&
    stats.isFile()
  );
}

/** One line of a folder's listing. */
export interface FolderEntry {
  readonly name: string;
  readonly folder: boolean;
  readonly size: number;
  readonly mtime: number;
}

/**
 * The files and folders in a folder, without those that lead out of `origin` by a link or are no files at all.
 *
 * @param wanted - Tells which names to look at.
 * @param most - How many at the most.
 * @throws What the system says.
 */
export function readFolder(
  folder: string,
  origin: string | null,
  wanted: (name: string) => boolean,
  most: number,
): { entries: FolderEntry[]; more: boolean } {
  const names = readdirSync(folder).filter(wanted);
  const entries: FolderEntry[] = [];
  for (const name of names.slice(0, most)) {
    const entry = entryOf(join(folder, name), name, origin);
    if (entry !== null) entries.push(entry);
  }
  return { entries, more: names.length > most };
}

function entryOf(path: string, name: string, origin: string | null): FolderEntry | null {
  try {
    const isLink = lstatSync(path).isSymbolicLink();
    if (isLink && origin !== null && !isContained(realpathSync.native(path), origin)) return null;
    const stats = statSync(path);
    const folder = stats.isDirectory();
    return folder || stats.isFile() ? { name, folder, size: stats.size, mtime: stats.mtimeMs } : null;
  } catch {
    // It is gone by now, or a link to nowhere.
    return null;
  }
}

/** A small text file of the application's own, and the state that it was in. Throws what the system says, and for one over `most` bytes. */
export function readText(path: string, most: number): { text: string; state: FileState } {
  const handle = openSync(path, OPEN_FLAGS);
  try {
    const stats = fstatSync(handle);
    if (!stats.isFile()) throw codedError("EINVAL", `${path} is not a file`);
    if (stats.size > most) throw codedError("EFBIG", `${path} has more than ${most} bytes`);
    return { text: readFileSync(handle, "utf8"), state: stateFrom(stats) };
  } finally {
    closeSync(handle);
  }
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
  #end: number;
  #truncated = false;

  /** Reads from byte `start` up to byte `end`. */
  constructor(handle: number, start: number, end: number) {
    this.#handle = handle;
    this.#at = start;
    this.#end = end;
  }

  /** Goes on with another part of the same file. */
  seek(start: number, end: number): void {
    this.#at = start;
    this.#end = end;
  }

  /**
   * True when the file is no longer what `facts` say, and what was read of it may be of two minds. Being renamed or deleted
   * does not change an open file.
   */
  isChanged({ size, mtime }: FileFacts): boolean {
    try {
      const stats = fstatSync(this.#handle);
      return stats.size !== size || stats.mtimeMs !== mtime;
    } catch {
      return true;
    }
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
