/**
 * How many connections come from where. IPv6 addresses count by their first 64 bits, because that much is what one
 * subscriber has.
 */
export class AddressCount {
  readonly #counts = new Map<string, number>();
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  /** Counts one more connection; false when there are enough from there. A Unix socket has no address and no limit. */
  add(address: string): boolean {
    if (address === "") return true;
    const network = networkOf(address);
    const count = this.#counts.get(network) ?? 0;
    if (count >= this.#most) return false;
    this.#counts.set(network, count + 1);
    return true;
  }

  remove(address: string): void {
    if (address === "") return;
    const network = networkOf(address);
    const count = this.#counts.get(network) ?? 0;
    if (count > 1) this.#counts.set(network, count - 1);
    else this.#counts.delete(network);
  }
}

/** An IPv4 address as it stands; of an IPv6 address its first four groups, written out. */
export function networkOf(address: string): string {
  if (!address.includes(":")) return address;
  const [head, tail] = address.split("%", 1)[0].split("::", 2);
  const first = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const last = tail === "" ? [] : tail.split(":");
    // The last part may be an IPv4 address in dots, which stands for two groups.
    const groups = first.length + last.length + (tail.includes(".") ? 1 : 0);
    for (let zeros = 8 - groups; zeros > 0; zeros--) first.push("0");
    first.push(...last);
  }
  const groups = first.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${groups.join(":")}::/64`;
}
