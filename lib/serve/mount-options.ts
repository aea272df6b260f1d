import { relative, resolve, sep } from "node:path";
import { isFieldValue, isToken } from "../http/tokens.ts";
import { type AuthOptions, type Guard, makeGuard } from "./auth.ts";
import type { CacheBudget } from "./file-cache.ts";
import { FileCache } from "./file-cache.ts";
import { resolvePath } from "./path.ts";
import type { OpenFile, Witness } from "./source.ts";

/** Maps a part of the URL space, as the application gives it. The public `Mount` has the meaning of each field. */
export interface MountOptions {
  mountpoint: string;
  origin?: string;
  redirect?: { status: number; location: string };
  protocol?: string;
  pass?: boolean;
  auth?: AuthOptions;
  index?: string;
  fallback?: string;
  listing?: boolean;
  precompressed?: boolean;
  cacheControl?: string;
  immutable?: boolean | RegExp;
  dotfiles?: boolean;
  insecureAllowEscapingLinks?: boolean;
  mimeTypes?: Readonly<Record<string, string>>;
}

/** What a mount of files is served by; every field in place. */
export interface FileMount {
  readonly kind: "files";
  /** The mountpoint without a slash at its end: empty for `/`. */
  readonly prefix: string;
  readonly guard: Guard | null;
  /** An absolute path. */
  readonly origin: string;
  readonly index: string;
  /** A path from the origin, with a slash before it; null for none. */
  readonly fallback: string | null;
  readonly listing: boolean;
  readonly precompressed: boolean;
  readonly cacheControl: string | undefined;
  /** Names of files that never change; true for those with a hash in them. */
  readonly immutable: boolean | RegExp;
  readonly dotfiles: boolean;
  readonly escapingLinks: boolean;
  readonly mimeTypes: Readonly<Record<string, string>>;
  /** Small files that were served lately. */
  readonly cache: FileCache<OpenFile, Witness>;
}

/** A mount that was checked. */
export type Mount =
  | FileMount
  | { kind: "redirect"; prefix: string; guard: Guard | null; status: number; location: string }
  | { kind: "protocol"; prefix: string; guard: Guard | null; protocol: string }
  | { kind: "pass"; prefix: string; guard: null };

const TARGETS = ["origin", "redirect", "protocol", "pass"] as const;
/** What goes with any target but `pass`, and what goes with `origin` only. */
const COMMON: readonly string[] = ["mountpoint", "auth", ...TARGETS];
const OF_FILES: readonly string[] = [
  "index",
  "fallback",
  "listing",
  "precompressed",
  "cacheControl",
  "immutable",
  "dotfiles",
  "insecureAllowEscapingLinks",
  "mimeTypes",
];

/** Fails with the name of the field. */
type Check = (right: boolean, field: string, wanted: string) => void;

/**
 * Checks what the application gives, and fills in defaults.
 *
 * @param where - What to call it in an error.
 * @throws TypeError that names the field which is wrong.
 */
export function checkMount(options: MountOptions, where: string, budget: CacheBudget): Mount {
  if (typeof options !== "object" || options === null) throw new TypeError(`${where} is not an object`);
  const check: Check = (right, field, wanted) => {
    if (!right) throw new TypeError(`${where}.${field} is not ${wanted}`);
  };
  const given = Object.keys(options).filter((key) => options[key as keyof MountOptions] !== undefined);
  for (const key of Object.keys(options)) {
    check(COMMON.includes(key) || OF_FILES.includes(key), key, "an option of a mount");
  }
  const { mountpoint } = options;
  check(isMountpoint(mountpoint), "mountpoint", 'a path such as "/static", decoded and without dot segments');
  const prefix = mountpoint.endsWith("/") ? mountpoint.slice(0, -1) : mountpoint;
  const kind = kindOf(options, given, where);
  const guard = checkAuth(options, kind, check);
  if (kind === "files") return checkFiles(options, prefix, guard, budget, check);
  const misplaced = given.find((key) => OF_FILES.includes(key));
  check(misplaced === undefined, misplaced ?? "", "an option of a mount without origin");
  if (kind === "redirect") return checkRedirect(options, prefix, guard, check);
  if (kind === "pass") return { kind, prefix, guard: null };
  const { protocol = "" } = options;
  check(typeof protocol === "string" && isToken(protocol), "protocol", "the name of a protocol");
  return { kind, prefix, guard, protocol };
}

function kindOf(options: MountOptions, given: readonly string[], where: string): Mount["kind"] {
  if (options.pass !== undefined && typeof options.pass !== "boolean") {
    throw new TypeError(`${where}.pass is not true or false`);
  }
  const targets = TARGETS.filter((name) => given.includes(name) && !(name === "pass" && !options.pass));
  if (targets.length === 0) {
    throw new TypeError(`${where}.origin is not the path of a folder, and nothing is there in its place`);
  }
  if (targets.length > 1) {
    throw new TypeError(`${where}.${targets[1]} is not to be given along with ${targets[0]}`);
  }
  return targets[0] === "origin" ? "files" : targets[0];
}

function checkRedirect(options: MountOptions, prefix: string, guard: Guard | null, check: Check): Mount {
  const given: unknown = options.redirect;
  const { status, location } = (given ?? {}) as { status?: unknown; location?: unknown };
  const isStatus = typeof status === "number" && [301, 302, 303, 307, 308].includes(status);
  check(isStatus, "redirect.status", "301, 302, 303, 307 or 308");
  const isLocation = typeof location === "string" && /^[!-~]+$/.test(location);
  check(isLocation, "redirect.location", "a URL, percent-encoded");
  return { kind: "redirect", prefix, guard, status: status as number, location: location as string };
}

function checkFiles(
  options: MountOptions,
  prefix: string,
  guard: Guard | null,
  budget: CacheBudget,
  check: Check,
): FileMount {
  const { origin, index = "index.html", fallback, cacheControl, mimeTypes = {}, immutable = false } = options;
  const { listing = false, precompressed = false, dotfiles = false } = options;
  const { insecureAllowEscapingLinks: escapingLinks = false } = options;
  check(isPath(origin), "origin", "the path of a folder");
  check(isFileName(index), "index", "the name of a file");
  check(fallback === undefined || isFallback(fallback), "fallback", "the path of a file below origin");
  for (const [field, value] of Object.entries({ listing, precompressed, dotfiles })) {
    check(typeof value === "boolean", field, "true or false");
  }
  check(typeof escapingLinks === "boolean", "insecureAllowEscapingLinks", "true or false");
  check(cacheControl === undefined || isHeader(cacheControl), "cacheControl", "the value of a header");
  const isPattern = typeof immutable === "boolean" || immutable instanceof RegExp;
  check(isPattern, "immutable", "true, false or a pattern of names");
  check(isTypeTable(mimeTypes), "mimeTypes", "an object of MIME types by extension without the dot");
  return {
    ...{ kind: "files", prefix, guard, origin: resolve(origin as string), index, listing, precompressed },
    fallback: fallback === undefined ? null : `/${fallback}`,
    ...{ cacheControl, dotfiles, escapingLinks, mimeTypes },
    immutable: typeof immutable === "boolean" ? immutable : stateless(immutable),
    cache: new FileCache(budget),
  };
}

function checkAuth(options: MountOptions, kind: Mount["kind"], check: Check): Guard | null {
  const auth: unknown = options.auth;
  if (auth === undefined) return null;
  check(kind !== "pass", "auth", "an option of a mount that lets requests pass");
  check(typeof auth === "object" && auth !== null, "auth", "an object with realm, and file or check");
  const { realm, file, check: decide } = auth as { realm?: unknown; file?: unknown; check?: unknown };
  const unknown = Object.keys(auth as object).find((key) => !["realm", "file", "check"].includes(key));
  check(unknown === undefined, `auth.${unknown}`, "an option of auth");
  check(typeof realm === "string" && /^[ -~]+$/.test(realm), "auth.realm", "a name of printable ASCII");
  if (decide !== undefined) {
    check(file === undefined, "auth.file", "to be given along with auth.check");
    check(typeof decide === "function", "auth.check", "a function");
    return makeGuard(auth as AuthOptions);
  }
  check(isPath(file), "auth.file", "the path of a file, nor is there auth.check");
  const path = resolve(file as string);
  const isServed = kind === "files" && isPath(options.origin) && liesBelow(path, resolve(options.origin));
  check(!isServed, "auth.file", "outside of origin, where anybody could have it");
  return makeGuard({ realm: realm as string, file: path });
}

function liesBelow(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== ".." && !way.startsWith(`..${sep}`) && resolve(folder, way) === path;
}

/** Flags `g` and `y` would make a pattern remember where it stopped. */
function stateless(pattern: RegExp): RegExp {
  return new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ""));
}

function isPath(value: unknown): value is string {
  return typeof value === "string" && value !== "" && !value.includes("\0");
}

function isHeader(value: unknown): boolean {
  return typeof value === "string" && value.trim() !== "" && isFieldValue(value);
}

function isMountpoint(value: unknown): value is string {
  // A "%" stands for itself here, as paths are compared decoded.
  return typeof value === "string" && resolvePath(value.replaceAll("%", "%25")) === value;
}

function isFallback(value: unknown): boolean {
  return typeof value === "string" && isMountpoint(`/${value}`) && !value.endsWith("/") && value !== "";
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
