import { resolve } from "node:path";
import { resolvePath } from "./path.ts";

/** Maps a part of the URL space to a folder, as the application gives it. */
export interface MountOptions {
  /** Where the part begins, `"/"` or `"/static"`. */
  mountpoint: string;
  /** The folder that the files are in, relative to the working directory. */
  origin: string;
  /** The file for a path that ends in `/`. Default `index.html`. */
  index?: string;
  /** Serve files and folders whose name begins with a dot. Default false. */
  dotfiles?: boolean;
  /** Serve symbolic links that lead outside of `origin`. Default false. */
  insecureAllowEscapingLinks?: boolean;
  /** MIME types by extension without the dot. */
  mimeTypes?: Readonly<Record<string, string>>;
}

/** A mount that was checked, every field in place. */
export interface Mount {
  /** The mountpoint without a slash at its end: empty for `/`. */
  readonly prefix: string;
  /** An absolute path. */
  readonly origin: string;
  readonly index: string;
  readonly dotfiles: boolean;
  readonly escapingLinks: boolean;
  readonly mimeTypes: Readonly<Record<string, string>>;
}

/** The methods that a mount answers. */
const SERVED: readonly string[] = ["GET", "HEAD"];
/** The Allow header of a 405 from a mount. */
export const MOUNT_ALLOW = SERVED.join(", ");

/** True for GET and HEAD; anything else on a mount is to be answered with 405 and `MOUNT_ALLOW`. */
export function isServedMethod(method: string): boolean {
  return SERVED.includes(method);
}

/** Finds the mount that a path belongs to. */
export class MountTable {
  /** The longest prefix first, so that the first that fits is the one. */
  readonly #mounts: readonly Mount[];

  /** @throws TypeError that names the field which is wrong. */
  constructor(mounts: readonly MountOptions[]) {
    if (!Array.isArray(mounts)) throw new TypeError("mounts is not a list");
    const checked = mounts.map((options, index) => checkMount(options, `mounts[${index}]`));
    const prefixes = checked.map(({ prefix }) => prefix);
    const twice = prefixes.findIndex((prefix, index) => prefixes.indexOf(prefix) !== index);
    if (twice !== -1)
      throw new TypeError(`mounts[${twice}].mountpoint is there already: "${prefixes[twice]}/"`);
    this.#mounts = checked.sort((a, b) => b.prefix.length - a.prefix.length);
  }

  get size(): number {
    return this.#mounts.length;
  }

  /** The mount with the longest mountpoint that `path`, a result of `resolvePath`, lies in or is. */
  find(path: string): Mount | undefined {
    return this.#mounts.find(({ prefix }) => liesIn(path, prefix));
  }
}

function liesIn(path: string, prefix: string): boolean {
  return (
    path.startsWith(prefix) && (path.length === prefix.length || path.charCodeAt(prefix.length) === 0x2f)
  );
}

const FIELDS = new Set([
  "mountpoint",
  "origin",
  "index",
  "dotfiles",
  "insecureAllowEscapingLinks",
  "mimeTypes",
]);

function checkMount(options: MountOptions, where: string): Mount {
  if (typeof options !== "object" || options === null) throw new TypeError(`${where} is not an object`);
  const unknown = Object.keys(options).find((key) => !FIELDS.has(key));
  if (unknown !== undefined) throw new TypeError(`${where}.${unknown} is not an option of a mount`);
  const { mountpoint, origin, index = "index.html", mimeTypes = {} } = options;
  const { dotfiles = false, insecureAllowEscapingLinks: escapingLinks = false } = options;
  const check = (right: boolean, field: string, wanted: string) => {
    if (!right) throw new TypeError(`${where}.${field} is not ${wanted}`);
  };
  check(isMountpoint(mountpoint), "mountpoint", 'a path such as "/static", decoded and without dot segments');
  check(
    typeof origin === "string" && origin !== "" && !origin.includes("\0"),
    "origin",
    "the path of a folder",
  );
  check(isFileName(index), "index", "the name of a file");
  check(typeof dotfiles === "boolean", "dotfiles", "true or false");
  check(typeof escapingLinks === "boolean", "insecureAllowEscapingLinks", "true or false");
  check(isTypeTable(mimeTypes), "mimeTypes", "an object of MIME types by extension without the dot");
  const prefix = mountpoint.endsWith("/") ? mountpoint.slice(0, -1) : mountpoint;
  return { prefix, origin: resolve(origin), index, dotfiles, escapingLinks, mimeTypes };
}

function isMountpoint(value: unknown): value is string {
  // A "%" stands for itself here, as paths are compared decoded.
  return typeof value === "string" && resolvePath(value.replaceAll("%", "%25")) === value;
}

function isFileName(value: unknown): boolean {
  return typeof value === "string" && /^[^/\\\0]+$/.test(value) && value !== "." && value !== "..";
}

function isTypeTable(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).every(
    ([extension, type]) =>
      /^[^./\\]+$/.test(extension) && typeof type === "string" && /^[!-~]+\/[!-~][ -~]*$/.test(type),
  );
}
