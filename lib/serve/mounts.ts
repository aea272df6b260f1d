import { CacheBudget } from "./file-cache.ts";
import { checkMount, type Mount, type MountOptions } from "./mount-options.ts";

export type { FileMount, Mount, MountOptions } from "./mount-options.ts";

/** The methods that a mount of files answers. */
const SERVED: readonly string[] = ["GET", "HEAD"];
/** The Allow header of a 405 from a mount. */
export const MOUNT_ALLOW = SERVED.join(", ");

/** True for GET and HEAD; anything else on a mount of files is to be answered with 405 and `MOUNT_ALLOW`. */
export function isServedMethod(method: string): boolean {
  return method === "GET" || method === "HEAD";
}

/** Finds the mount that a path belongs to. */
export class MountTable {
  /** The longest prefix first, so that the first that fits is the one. */
  readonly #mounts: readonly Mount[];

  /** @throws TypeError that names the field which is wrong. */
  constructor(mounts: readonly MountOptions[]) {
    if (!Array.isArray(mounts)) throw new TypeError("mounts is not a list");
    const budget = new CacheBudget();
    const checked = mounts.map((options, index) => checkMount(options, `mounts[${index}]`, budget));
    const prefixes = checked.map(({ prefix }) => prefix);
    const twice = prefixes.findIndex((prefix, index) => prefixes.indexOf(prefix) !== index);
    if (twice !== -1)
      throw new TypeError(`mounts[${twice}].mountpoint is there already: "${prefixes[twice]}/"`);
    this.#mounts = checked.sort((a, b) => b.prefix.length - a.prefix.length);
  }

  get size(): number {
    return this.#mounts.length;
  }

  /** The protocols that mounts name, each of which must be there. */
  get protocols(): string[] {
    return this.#mounts.flatMap((mount) => (mount.kind === "protocol" ? [mount.protocol] : []));
  }

  /** The mount with the longest mountpoint that `path`, a result of `resolvePath`, lies in or is. */
  find(path: string): Mount | undefined {
    for (const mount of this.#mounts) if (liesIn(path, mount.prefix)) return mount;
    return undefined;
  }
}

function liesIn(path: string, prefix: string): boolean {
  return (
    path.startsWith(prefix) && (path.length === prefix.length || path.charCodeAt(prefix.length) === 0x2f)
  );
}
