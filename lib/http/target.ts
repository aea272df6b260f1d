import { FAULTS, type HttpFault } from "./fault.ts";

/** A request target, taken apart. */
export interface Target {
  /** What stands before `?`, as it came (percent-encoded); `*` for the asterisk-form. */
  path: string;
  /** What stands behind `?`. */
  query: string;
  /** Host and port of the absolute-form, else an empty string. */
  authority: string;
}

/** Takes a request target apart (RFC 9112 section 3.2). `target` is not empty and has no blank or control in it. */
export function parseTarget(method: string, target: string): Target | HttpFault {
  if (target.charCodeAt(0) === 0x2f) return split(target, "");
  // Tunnels are for proxies; the authority-form comes with nothing else.
  if (method === "CONNECT") return FAULTS.connect;
  if (target === "*" && method === "OPTIONS") return { path: "*", query: "", authority: "" };
  const absolute = /^https?:\/\/([^/?]*)(.*)$/i.exec(target);
  if (absolute === null) return FAULTS.target;
  const [, authority, rest] = absolute;
  if (authority.includes("@")) return FAULTS.userinfo;
  if (!isHost(authority)) return FAULTS.target;
  return split(rest.startsWith("/") ? rest : `/${rest}`, authority);
}

/** True for `uri-host [ ":" port ]` (RFC 9110 section 7.2) with a host that is not empty. */
export function isHost(text: string): boolean {
  return /^(?:\[[0-9A-Fa-f:.]+\]|[\w\-.~!$&'()*+,;=%]+)(?::[0-9]{0,5})?$/.test(text);
}

function split(target: string, authority: string): Target {
  const mark = target.indexOf("?");
  if (mark === -1) return { path: target, query: "", authority };
  return { path: target.slice(0, mark), query: target.slice(mark + 1), authority };
}
