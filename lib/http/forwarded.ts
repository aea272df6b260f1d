import { formatIp, parseIp } from "../base/ip.ts";
import { trimmed } from "./tokens.ts";

/** Where a request comes from. */
export interface ForwardedFor {
  readonly address: string;
  /** 0 where the proxy does not tell. */
  readonly port: number;
}

/**
 * The client in a value of X-Forwarded-For, to which each proxy appends whom it got the request from:
 *
 * ```
 *   X-Forwarded-For: 1.2.3.4, 198.51.100.7, 10.0.0.9          and the connection comes from 10.0.0.2
 *                    forged   ▲ the client   └── proxies of our own, `trusts` says ──┘
 * ```
 *
 * Walked from the right, past the proxies that are trusted: the first address that is not is the client's, and what
 * stands to the left of it is the client's own word. Where all are trusted it is the leftmost one.
 *
 * Null where an element on that way is no address (`unknown`, a made-up name): then nobody can tell.
 */
export function forwardedClient(value: string, trusts: (address: string) => boolean): ForwardedFor | null {
  let end = value.length;
  for (;;) {
    const comma = end === 0 ? -1 : value.lastIndexOf(",", end - 1);
    const hop = parseHop(trimmed(value, comma + 1, end));
    if (hop === null || comma === -1 || !trusts(hop.address)) return hop;
    end = comma;
  }
}

/** `1.2.3.4`, `1.2.3.4:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`: some proxies send ports along. */
function parseHop(text: string): ForwardedFor | null {
  const plain = parseIp(text);
  if (plain !== null) return { address: formatIp(plain), port: 0 };
  const parts = /^(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::(\d{1,5}))?$/.exec(text);
  if (parts === null) return null;
  const [, inBrackets, dotted, digits] = parts;
  const bytes = parseIp(inBrackets ?? dotted);
  const port = Number(digits ?? 0);
  if (bytes === null || port > 65_535 || (inBrackets !== undefined && !inBrackets.includes(":"))) return null;
  return { address: formatIp(bytes), port };
}

/**
 * Whether the client spoke TLS, by X-Forwarded-Proto; undefined where the value does not tell. Of several the last
 * counts: our own proxy has written that one, whoever wrote those before.
 */
export function forwardedSecure(value: string): boolean | undefined {
  const last = trimmed(value, value.lastIndexOf(",") + 1).toLowerCase();
  if (last === "https" || last === "wss") return true;
  return last === "http" || last === "ws" ? false : undefined;
}
