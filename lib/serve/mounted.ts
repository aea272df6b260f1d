import { join } from "node:path";
import { type Coding, type Codings, IDENTITY, SUFFIX } from "./codings.ts";
import { contentTypeOf } from "./content-type.ts";
import { type FileState, type Given, isSettled } from "./facts.ts";
import { hasContentHash } from "./immutable.ts";
import { listingPage, MAX_LISTED } from "./listing.ts";
import type { FileMount } from "./mount-options.ts";
import { encodePath } from "./path.ts";
import {
  closeFile,
  type FileFault,
  type Folder,
  holds,
  NOT_FOUND,
  type OpenedFile,
  type OpenFile,
  openFile,
  openPath,
  readFolder,
  readWhole,
  type Witness,
} from "./source.ts";

/** To be answered with 301. `location` is a path of this host, encoded; the request's query goes behind it. */
export interface Redirect {
  readonly kind: "redirect";
  readonly location: string;
}

/** A folder's listing, to be answered with `LISTING_HEADERS`. */
export interface Listing {
  readonly kind: "listing";
  readonly page: string;
}

export type Mounted = OpenFile | Redirect | Listing | FileFault;

/** Files up to this size are kept in memory. A larger one is read about as fast as it is sent. */
const MAX_KEPT_BYTES = 65_536;
const NOT_ACCEPTABLE: FileFault = Object.freeze({ kind: "fault", status: 406 });
const UNREADABLE: FileFault = Object.freeze({ kind: "fault", status: 500 });
/** Is never equal to another. */
export const NO_TURN = Number.NaN;
const YEAR = "max-age=31536000, immutable";

/**
 * Opens what a path of a mount names: a file or a compressed variant of it, the index file of a folder, or its listing.
 *
 * A small file that was served before comes from memory, as long as all that decided about it is as it was: a call to the
 * system for the file, for each folder above it within the mount, and for each variant that was looked for. It is made
 * once in a turn of the loop in which no callback ran: requests that are served then were there together, before it began.
 *
 * @param path - A result of `resolvePath` that lies in `mount`.
 * @param codings - What the client takes; without effect on a mount that is not `precompressed`.
 * @param turn - A number that is another one in each turn, and behind each callback; without one the system is asked each time.
 */
export function openMounted(
  mount: FileMount,
  path: string,
  codings: Codings = IDENTITY,
  turn = NO_TURN,
): Mounted {
  const key = mount.precompressed ? `${codings.key} ${path}` : path;
  const kept = mount.cache.find(key);
  if (kept !== undefined) {
    if (kept.turn === turn || allHold(kept.witnesses)) {
      kept.turn = turn;
      kept.used = true;
      return kept.file;
    }
    mount.cache.drop(key);
  }
  const rest = path.slice(mount.prefix.length);
  if (!mount.dotfiles && hasDotfile(rest)) return NOT_FOUND;
  return new Lookup(mount, rest, codings, key).open();
}

/** A name that begins with a dot. `.well-known` is meant to be served (RFC 8615). */
export function hasDotfile(rest: string): boolean {
  return rest.includes("/.") && rest.split("/").some(isDotfile);
}

function isDotfile(name: string): boolean {
  return name.startsWith(".") && name !== ".well-known";
}

function allHold(witnesses: readonly Witness[]): boolean {
  for (const witness of witnesses) if (!holds(witness)) return false;
  return true;
}

/** One look for a path on the disk, and what is seen on the way. */
class Lookup {
  readonly #mount: FileMount;
  /** The path below the mountpoint. */
  readonly #rest: string;
  readonly #codings: Codings;
  readonly #key: string;
  readonly #file: string;
  readonly #now = Date.now();
  readonly #witnesses: Witness[] = [];

  constructor(mount: FileMount, rest: string, codings: Codings, key: string) {
    this.#mount = mount;
    this.#rest = rest;
    this.#codings = codings;
    this.#key = key;
    this.#file = join(mount.origin, this.#isFolder ? rest + mount.index : rest);
  }

  get #isFolder(): boolean {
    return this.#rest.endsWith("/");
  }

  open(): Mounted {
    const opened = this.#openPath(this.#file);
    if (opened.kind === "file") return this.#answer(opened);
    if (opened.kind === "folder" && !this.#isFolder) {
      return { kind: "redirect", location: `${encodePath(this.#mount.prefix + this.#rest)}/` };
    }
    if (this.#mount.listing && this.#isFolder && (opened.kind === "folder" || opened.status === 404)) {
      return this.#list();
    }
    return opened.kind === "folder" ? NOT_FOUND : opened;
  }

  #openPath(file: string): OpenedFile | Folder | FileFault {
    return openPath(file, this.#contained);
  }

  /** What files must lie in; null when links may lead anywhere. */
  get #contained(): string | null {
    return this.#mount.escapingLinks ? null : this.#mount.origin;
  }

  #list(): Listing | FileFault {
    const folder = join(this.#mount.origin, this.#rest);
    const opened = this.#openPath(folder);
    if (opened.kind !== "folder") return opened.kind === "fault" ? opened : this.#close(opened, NOT_FOUND);
    const isShown = (name: string) => this.#mount.dotfiles || !isDotfile(name);
    try {
      const { entries, more } = readFolder(folder, this.#contained, isShown, MAX_LISTED);
      const path = this.#mount.prefix + this.#rest;
      return { kind: "listing", page: listingPage(path, entries, this.#rest === "/", more) };
    } catch {
      return UNREADABLE;
    }
  }

  #answer(plain: OpenedFile): OpenFile | FileFault {
    this.#see(this.#file, plain.state);
    if (!this.#mount.precompressed) return this.#finish(plain, undefined);
    for (const coding of this.#codings.order) {
      if (coding === "identity") return this.#finish(plain, undefined);
      const variant = this.#openVariant(coding, plain);
      if (variant === null) continue;
      closeFile(plain);
      return this.#finish(variant, coding);
    }
    return this.#close(plain, NOT_ACCEPTABLE);
  }

  /** Null when there is none, or when it is older than the plain file and so most likely of another one. */
  #openVariant(coding: Exclude<Coding, "identity">, plain: OpenedFile): OpenedFile | null {
    const file = this.#file + SUFFIX[coding];
    const opened = this.#openPath(file);
    if (opened.kind !== "file") {
      this.#see(file, "absent");
      return null;
    }
    this.#see(file, opened.state);
    // Compressors give the result the time of what they read, some in whole seconds.
    if (Math.floor(opened.state.mtime / 1000) >= Math.floor(plain.state.mtime / 1000)) return opened;
    return this.#close(opened, null);
  }

  #close<Result>(file: OpenedFile, result: Result): Result {
    closeFile(file);
    return result;
  }

  #finish(opened: OpenedFile, coding: Exclude<Coding, "identity"> | undefined): OpenFile {
    const file = openFile(opened, this.#given(coding), this.#now);
    return this.#keep(opened, file) ?? file;
  }

  /** What the mount says of a file. That of a variant is that of the plain file, which it is only another form of. */
  #given(encoding: string | undefined): Given {
    const { precompressed, mimeTypes } = this.#mount;
    return {
      contentType: contentTypeOf(this.#file, mimeTypes),
      encoding,
      // A variant may come to be at any time, so even what has none now varies.
      vary: precompressed ? "Accept-Encoding" : undefined,
      cacheControl: this.#cacheControl(),
    };
  }

  #cacheControl(): string | undefined {
    const { immutable, guard, cacheControl } = this.#mount;
    if (immutable === false) return cacheControl;
    const name = this.#isFolder ? this.#mount.index : this.#rest.slice(this.#rest.lastIndexOf("/") + 1);
    const isImmutable = immutable === true ? hasContentHash(name) : immutable.test(name);
    if (!isImmutable) return cacheControl;
    // What one must sign in for is not for a cache that others share.
    return `${guard === null ? "public" : "private"}, ${YEAR}`;
  }

  // ── Keeping it in memory ─────────────────────────────────────────────────────────────────────────────────

  #see(path: string, expected: FileState | "absent"): void {
    this.#witnesses.push({ path, expected, follows: this.#mount.escapingLinks });
  }

  /**
   * Keeps a small file, and gives it in the form that needs no descriptor; null when it is not to be kept.
   *
   * Where links must not lead out of the mount, only what is reached by no link below the origin is kept: then a path leads
   * to the same place as long as each folder on it is one, which is cheaper to see than where a link leads.
   */
  #keep(opened: OpenedFile, file: OpenFile): OpenFile | null {
    if (file.size > MAX_KEPT_BYTES || !this.#isQuiet() || file.mtime > this.#now) return null;
    const witnesses = [...this.#witnesses, ...this.#folders()];
    const bytes = allHold(witnesses) ? this.#read(opened) : null;
    // Asked again, they tell that nothing changed while it was read.
    if (bytes === null || !allHold(witnesses)) return null;
    closeFile(opened);
    const kept: OpenFile = { ...file, handle: -1, bytes };
    this.#mount.cache.keep(this.#key, kept, witnesses, file.size);
    return kept;
  }

  #isQuiet(): boolean {
    return this.#witnesses.every(({ expected }) =>
      typeof expected === "string" ? true : isSettled(expected, this.#now),
    );
  }

  #read(opened: OpenedFile): Buffer | null {
    try {
      return readWhole(opened);
    } catch {
      return null;
    }
  }

  /** The folders between the origin and the file. */
  #folders(): Witness[] {
    if (this.#mount.escapingLinks) return [];
    const names = this.#rest.split("/").slice(1, -1);
    return names.map((_, at) => ({
      path: join(this.#mount.origin, ...names.slice(0, at + 1)),
      expected: "folder" as const,
      follows: false,
    }));
  }
}
