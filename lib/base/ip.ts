/*
 * IP addresses as text and as bytes: 4 for IPv4, 16 for IPv6. An IPv4 address that is mapped into IPv6
 * (`::ffff:192.0.2.1`) is the IPv4 address everywhere, because it is the same peer.
 */

const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;

/** The bytes of an address in text form; null for anything else, a zone (`fe80::1%eth0`) included. */
export function parseIp(text: string): Uint8Array | null {
  if (!text.includes(":")) return parseIPv4(text);
  const bytes = parseIPv6(text);
  return bytes !== null && isMapped(bytes) ? bytes.subarray(12) : bytes;
}

/** Four decimal numbers without leading zeros, which others would read as octal. */
function parseIPv4(text: string): Uint8Array | null {
  if (text.length < 7 || text.length > 15) return null;
  const bytes = new Uint8Array(4);
  let part = 0;
  let digits = 0;
  let value = 0;
  for (let at = 0; at <= text.length; at++) {
    const code = at === text.length ? DOT : text.charCodeAt(at);
    if (code === DOT) {
      if (digits === 0 || value > 255 || part === 4) return null;
      bytes[part++] = value;
      digits = value = 0;
    } else {
      if (code < ZERO || code > NINE || digits === 3 || (digits > 0 && value === 0)) return null;
      value = 10 * value + code - ZERO;
      digits++;
    }
  }
  return part === 4 ? bytes : null;
}

/** RFC 4291 section 2.2: eight groups, one run of zeros as `::`, the last two perhaps in dots. */
function parseIPv6(text: string): Uint8Array | null {
  if (text.length > 45) return null;
  const gap = text.indexOf("::");
  const before = groupBytes(gap === -1 ? text : text.slice(0, gap), gap === -1);
  const after = gap === -1 ? [] : groupBytes(text.slice(gap + 2), true);
  if (before === null || after === null) return null;
  const size = before.length + after.length;
  if (gap === -1 ? size !== 16 : size > 14) return null;
  const bytes = new Uint8Array(16);
  bytes.set(before, 0);
  bytes.set(after, 16 - after.length);
  return bytes;
}

/** @param last - The address ends with these groups, so that dots may stand at their end. */
function groupBytes(text: string, last: boolean): number[] | null {
  if (text === "") return [];
  const bytes: number[] = [];
  const groups = text.split(":");
  for (const [index, group] of groups.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
      continue;
    }
    const dotted = last && index === groups.length - 1 ? parseIPv4(group) : null;
    if (dotted === null) return null;
    bytes.push(...dotted);
  }
  return bytes;
}

function isMapped(bytes: Uint8Array): boolean {
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return false;
  return bytes[10] === 0xff && bytes[11] === 0xff;
}

/** The text form of 4 or 16 bytes: in dots, or as RFC 5952 has it. */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  if (isMapped(bytes)) return bytes.subarray(12).join(".");
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i] << 8) | bytes[2 * i + 1]);
  const [start, end] = longestZeros(groups);
  const hex = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(":");
  return end - start < 2 ? hex(0, 8) : `${hex(0, start)}::${hex(end, 8)}`;
}

/** The first of the longest runs of zeros. */
function longestZeros(groups: readonly number[]): [start: number, end: number] {
  let best: [number, number] = [0, 0];
  for (let start = 0; start < groups.length; start++) {
    let end = start;
    while (end < groups.length && groups[end] === 0) end++;
    if (end - start > best[1] - best[0]) best = [start, end];
  }
  return best;
}
