import { isIPv4, isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";
import { codedError } from "../../base/errors.ts";
import { AF_INET, AF_INET6, AF_UNIX } from "./libc.ts";

/*
 * Linux's socket addresses:
 *
 *   sockaddr_in    family 2 | port 2, big-endian | address 4 | zero 8
 *   sockaddr_in6   family 2 | port 2, big-endian | flow 4 | address 16 | scope 4
 *   sockaddr_un    family 2 | path, up to 108 bytes with its NUL
 */

const IN_SIZE = 16;
const IN6_SIZE = 28;
const LONGEST_PATH = 107;

/** Room for every address that a TCP or Unix socket has. */
export const ADDRESS_SIZE = 110;

/** The family of an encoded address. */
export function familyOf(address: Uint8Array): number {
  return address[0] | (address[1] << 8);
}

/** Encodes an IPv4 or IPv6 address in text form (with a zone, `fe80::1%eth0`) and a port. */
export function encodeInternet(host: string, port: number): Uint8Array {
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw codedError("ERR_SOCKET_BAD_PORT", `A port is a number from 0 to 65535, not ${port}`);
  if (isIPv4(host)) return encodeIPv4(host, port);
  if (isIPv6(host)) return encodeIPv6(host, port);
  throw codedError("EINVAL", `Not an address: ${host}`);
}

function encodeIPv4(host: string, port: number): Uint8Array {
  const address = new Uint8Array(IN_SIZE);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_INET, true);
  view.setUint16(2, port);
  address.set(host.split(".").map(Number), 4);
  return address;
}

function encodeIPv6(host: string, port: number): Uint8Array {
  const address = new Uint8Array(IN6_SIZE);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_INET6, true);
  view.setUint16(2, port);
  const [text, zone] = host.split("%");
  groupsOf(text).forEach((group, i) => {
    view.setUint16(8 + 2 * i, group);
  });
  if (zone !== undefined) view.setUint32(24, scopeOf(zone), true);
  return address;
}

/** The eight groups of an IPv6 address that `isIPv6` has accepted. */
function groupsOf(text: string): number[] {
  const [head, tail] = text.split("::");
  const before = head === "" ? [] : head.split(":").flatMap(groupValue);
  const after = tail === undefined || tail === "" ? [] : tail.split(":").flatMap(groupValue);
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
}

function groupValue(group: string): number[] {
  if (!group.includes(".")) return [Number.parseInt(group, 16)];
  const [a, b, c, d] = group.split(".").map(Number);
  return [(a << 8) | b, (c << 8) | d];
}

function scopeOf(zone: string): number {
  if (/^\d+$/.test(zone)) return Number(zone);
  for (const entry of networkInterfaces()[zone] ?? []) if (entry.family === "IPv6") return entry.scopeid;
  throw codedError("EINVAL", `No such network interface: ${zone}`);
}

/** Encodes the path of a Unix socket; one that begins with NUL is in Linux's abstract namespace. */
export function encodePath(path: string): Uint8Array {
  const bytes = Buffer.from(path);
  if (bytes.length > LONGEST_PATH)
    throw codedError("ENAMETOOLONG", `The path of a Unix socket has at most ${LONGEST_PATH} bytes: ${path}`);
  if (bytes.length === 0 || bytes.includes(0, 1)) throw codedError("EINVAL", "Not the path of a Unix socket");
  const abstract = bytes[0] === 0;
  const address = new Uint8Array(2 + bytes.length + (abstract ? 0 : 1));
  address[0] = AF_UNIX;
  address.set(bytes, 2);
  return address;
}

/** The port of an encoded address; 0 for a Unix socket. */
export function portOf(address: Uint8Array): number {
  return familyOf(address) === AF_UNIX ? 0 : (address[2] << 8) | address[3];
}

/** The text form: dotted for IPv4, also when it is mapped into IPv6; RFC 5952 for IPv6; empty for a Unix socket. */
export function hostOf(address: Uint8Array): string {
  const family = familyOf(address);
  if (family === AF_INET) return dotted(address, 4);
  if (family !== AF_INET6) return "";
  const mapped =
    address[18] === 0xff && address[19] === 0xff && address.subarray(8, 18).every((b) => b === 0);
  return mapped ? dotted(address, 20) : formatIPv6(address);
}

function dotted(bytes: Uint8Array, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

function formatIPv6(address: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => (address[8 + 2 * i] << 8) | address[9 + 2 * i]);
  const [start, end] = longestZeros(groups);
  const hex = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(":");
  return end - start < 2 ? hex(0, 8) : `${hex(0, start)}::${hex(end, 8)}`;
}

/** The first of the longest runs of zero groups. */
function longestZeros(groups: number[]): [start: number, end: number] {
  let best: [number, number] = [0, 0];
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && groups[end] === 0) end++;
    if (end - start > best[1] - best[0]) best = [start, end];
  }
  return best;
}
