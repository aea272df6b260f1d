import { parseIp } from "./ip.ts";

/** Addresses whose first `bits` bits are those of `bytes`. */
interface Range {
  readonly bytes: Uint8Array;
  readonly bits: number;
}

/** Words for what many mean, and nobody wants to write out. */
const WORDS: Readonly<Record<string, readonly string[]>> = Object.freeze({
  // RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.3
  loopback: ["127.0.0.0/8", "::1"],
  // RFC 1918, RFC 4193
  private: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"],
  unix: [],
});

/**
 * A set of addresses: single ones, ranges such as `10.0.0.0/8` (CIDR), and the words `loopback`, `private` and `unix`,
 * the peers of a Unix socket, whose address is empty.
 */
export class AddressSet {
  readonly #ranges: readonly Range[];
  readonly #unix: boolean;

  /** @throws RangeError for a member that is none, see `isAddressSpec`. */
  constructor(specs: readonly string[]) {
    this.#ranges = specs.flatMap((spec) => (WORDS[spec] ?? [spec]).map(toRange));
    this.#unix = specs.includes("unix");
  }

  /** True for an address in text form that is in the set. A zone (`%eth0`) does not count. */
  has(address: string): boolean {
    if (address === "") return this.#unix;
    const zone = address.indexOf("%");
    const bytes = parseIp(zone === -1 ? address : address.slice(0, zone));
    return bytes !== null && this.#ranges.some((range) => isWithin(bytes, range));
  }
}

/** True for what may be a member of a set. */
export function isAddressSpec(spec: string): boolean {
  return Object.hasOwn(WORDS, spec) || parseRange(spec) !== null;
}

function toRange(spec: string): Range {
  const range = parseRange(spec);
  if (range === null) throw new RangeError(`"${spec}" is no address and no range of addresses`);
  return range;
}

function parseRange(spec: string): Range | null {
  const slash = spec.indexOf("/");
  const bytes = parseIp(slash === -1 ? spec : spec.slice(0, slash));
  if (bytes === null) return null;
  const most = 8 * bytes.length;
  if (slash === -1) return { bytes, bits: most };
  const digits = spec.slice(slash + 1);
  if (!/^(0|[1-9]\d{0,2})$/.test(digits)) return null;
  // Of a mapped IPv4 address the prefix counts the 96 bits before it too.
  const bits = Number(digits) - (most === 32 && spec.includes(":") ? 96 : 0);
  return bits >= 0 && bits <= most ? { bytes, bits } : null;
}

function isWithin(address: Uint8Array, { bytes, bits }: Range): boolean {
  if (address.length !== bytes.length) return false;
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (address[i] !== bytes[i]) return false;
  const rest = bits & 7;
  return rest === 0 || (address[whole] ^ bytes[whole]) >> (8 - rest) === 0;
}
