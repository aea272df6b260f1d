import { FAULTS, type HttpFault } from "./fault.ts";

/** A request target, taken apart. */
export interface Target {
  /** What stands before `?`, as it came (percent-encoded); `*` when the server as a whole is meant. */
  path: string;
  /** What stands behind `?`. */
  query: string;
  /** Host and port of the absolute-form, else an empty string. */
  authority: string;
}

/** Takes a request target apart (RFC 9112 section 3.2). `target` is not empty and has no blank or control in it. */
export function parseTarget(method: string, target: string): Target | HttpFault {
  // Tunnels are for proxies, and any 2xx to CONNECT would open one, whatever its target looks like.
  if (method === "CONNECT") return FAULTS.connect;
  if (target.charCodeAt(0) === 0x2f) return split(target, "");
  if (target === "*" && method === "OPTIONS") return { path: "*", query: "", authority: "" };
  const absolute = /^https?:\/\/([^/?]*)(.*)$/i.exec(target);
  if (absolute === null) return FAULTS.target;
  const [, authority, rest] = absolute;
  if (authority.includes("@")) return FAULTS.userinfo;
  if (!isHost(authority)) return FAULTS.target;
  // OPTIONS alone tells an empty path from "/": it is the asterisk on its way through proxies (section 3.2.4).
  if (rest === "" && method === "OPTIONS") return { path: "*", query: "", authority };
  return split(rest.startsWith("/") ? rest : `/${rest}`, authority);
}

/**
 * A host as RFC 3986 section 3.2.2 has it, and a port. The future forms of an address in brackets, which nobody has
 * come up with, are left out.
 */
const HOST = /^(?:\[([0-9A-Fa-f:.]+)\]|(?:[\w\-.~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+)(?::([0-9]{0,5}))?$/;
/** Nearly every host there is: for these nothing is allocated. */
const PLAIN_HOST = /^[\w\-.~!$&'()*+,;=]+(?::[0-9]{0,4})?$/;
const IPV4 = /^(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?!$)|$)){4}$/;

/** True for `uri-host [ ":" port ]` (RFC 9110 section 7.2) with a host that is not empty. */
export function isHost(text: string): boolean {
  if (PLAIN_HOST.test(text)) return true;
  const parts = HOST.exec(text);
  if (parts === null) return false;
  const [, address, port] = parts;
  return (address === undefined || isIPv6(address)) && (port === undefined || Number(port) <= 65_535);
}

/** Eight groups of up to four digits, the last two perhaps as an IPv4 address, and one `::` for those that are 0. */
function isIPv6(address: string): boolean {
  const halves = address.split("::");
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
  const tail = groups.at(-1);
  const hasIPv4 = tail?.includes(".") === true && !address.endsWith("::");
  if (hasIPv4 && !IPV4.test(groups.pop()!)) return false;
  const count = groups.length + (hasIPv4 ? 2 : 0);
  if (!groups.every((group) => /^[0-9A-Fa-f]{1,4}$/.test(group))) return false;
  return halves.length === 2 ? count < 8 : count === 8;
}

function split(target: string, authority: string): Target {
  const mark = target.indexOf("?");
  if (mark === -1) return { path: target, query: "", authority };
  return { path: target.slice(0, mark), query: target.slice(mark + 1), authority };
}
