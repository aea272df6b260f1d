import { execFileSync, spawnSync } from "node:child_process";

/** The network that hosts have to themselves: of those for tests of network devices (RFC 2544), which nobody routes. */
const NETWORK = "198.18.77.";
const BITS = "/24";

const ip = (...args: string[]) => execFileSync("ip", args, { stdio: ["ignore", "ignore", "pipe"] });

/** True when this process may make network namespaces. */
export function canMakeHosts(): boolean {
  const name = `sluice-try-${process.pid}`;
  if (spawnSync("ip", ["netns", "add", name]).status !== 0) return false;
  ip("netns", "delete", name);
  return true;
}

/**
 * Hosts of their own on this machine: network namespaces that a bridge joins, with this host as one more of them.
 *
 * ```
 *   this host 198.18.77.1 ── bridge ─┬─ host 198.18.77.2
 *                                    └─ host 198.18.77.3
 * ```
 */
export class Hosts {
  /** This host's own address among them. */
  readonly here = `${NETWORK}1`;
  readonly #bridge = `slu${process.pid % 100_000}`;
  readonly #names: string[] = [];

  constructor() {
    ip("link", "add", this.#bridge, "type", "bridge");
    ip("address", "add", this.here + BITS, "dev", this.#bridge);
    ip("link", "set", this.#bridge, "up");
  }

  /** Adds a host; gives its address, and the words to put before a command that is to run on it. */
  add(): { address: string; command: string[] } {
    const number = this.#names.length + 2;
    const name = `${this.#bridge}-${number}`;
    const [outside, inside] = [`${this.#bridge}o${number}`, `${this.#bridge}i${number}`];
    ip("netns", "add", name);
    this.#names.push(name);
    ip("link", "add", outside, "type", "veth", "peer", "name", inside, "netns", name);
    ip("link", "set", outside, "master", this.#bridge, "up");
    const address = `${NETWORK}${number}`;
    ip("-n", name, "address", "add", address + BITS, "dev", inside);
    for (const device of ["lo", inside]) ip("-n", name, "link", "set", device, "up");
    return { address, command: ["ip", "netns", "exec", name] };
  }

  /** Takes all of them away. What still runs on them has no network any more. */
  remove(): void {
    for (const name of this.#names) ip("netns", "delete", name);
    ip("link", "delete", this.#bridge);
  }
}
