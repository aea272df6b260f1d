import { COLON, hasWordAt, trimmed } from "./tokens.ts";

/** Headers by lower-case name, without a prototype, so that a header named `__proto__` is one like any other. */
export type HeaderRecord = Record<string, string>;

/** Headers to send: a value, or several for the same name. */
export type OutgoingHeaders = Readonly<Record<string, string | number | readonly string[]>>;

/*
 * These read a field section that was checked already: from `at`, each line is `name:value CRLF`, up to a blank line.
 * Neither LF nor CR stands anywhere else in it.
 */

/** The value of the header `name` (given in lower case), several joined by `", "`, cookies by `"; "`. */
export function fieldValue(section: string, at: number, name: string): string | undefined {
  let value: string | undefined;
  for (let next = 0; section.charCodeAt(at) !== 0x0d; at = next) {
    next = section.indexOf("\n", at) + 1;
    if (!isNamed(section, at, name)) continue;
    const more = trimmed(section, at + name.length + 1, next - 2);
    value = value === undefined ? more : joined(name, value, more);
  }
  return value;
}

/** How many headers are named `name` (given in lower case). */
export function fieldCount(section: string, at: number, name: string): number {
  let count = 0;
  for (; section.charCodeAt(at) !== 0x0d; at = section.indexOf("\n", at) + 1) {
    if (isNamed(section, at, name)) count++;
  }
  return count;
}

/** All headers, in the order in which they came. */
export function fieldRecord(section: string, at: number): HeaderRecord {
  const record: HeaderRecord = Object.create(null);
  for (let next = 0; section.charCodeAt(at) !== 0x0d; at = next) {
    next = section.indexOf("\n", at) + 1;
    const colon = section.indexOf(":", at);
    const name = section.slice(at, colon).toLowerCase();
    const value = trimmed(section, colon + 1, next - 2);
    const before = record[name];
    record[name] = before === undefined ? value : joined(name, before, value);
  }
  return record;
}

function isNamed(section: string, at: number, name: string): boolean {
  return section.charCodeAt(at + name.length) === COLON && hasWordAt(section, at, name);
}

/** Cookies are the one list that goes by semicolons (RFC 9113 section 8.2.3 joins them so). */
function joined(name: string, before: string, value: string): string {
  return `${before}${name === "cookie" ? "; " : ", "}${value}`;
}
