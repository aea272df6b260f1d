import { AddressSet } from "../base/address-set.ts";
import { codedError } from "../base/errors.ts";
import { HttpFault } from "../http/fault.ts";
import type { HttpLimits } from "../http/limits.ts";
import { ResponseReader } from "../http/response-reader.ts";
import type { Prelude } from "../loop/loop.ts";
import { refusal } from "./client-error.ts";
import { authorityOf, basic, type ClientTarget, hasCredentials } from "./client-options.ts";

const loopback = new AddressSet(["loopback"]);

/**
 * The proxy that leads to a target; undefined for the direct way.
 *
 * @param choice - The option: a URL, or false for none; undefined for what the environment says, which never speaks of
 *   this machine itself.
 */
export function proxyFor(
  target: ClientTarget,
  choice: string | false | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): URL | undefined {
  if (choice === false || target.socketPath !== undefined) return undefined;
  if (choice !== undefined) return new URL(choice);
  // HTTP_PROXY in capitals is what CGI makes of a header that anybody may send.
  const { http_proxy, https_proxy, HTTPS_PROXY, no_proxy, NO_PROXY } = environment;
  const named = target.secure ? https_proxy || HTTPS_PROXY : http_proxy;
  if (!named || isLocal(target.address) || isExempt(target, no_proxy || NO_PROXY || "")) return undefined;
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(named) ? named : `http://${named}`;
  return URL.canParse(text) && new URL(text).protocol === "http:" ? new URL(text) : undefined;
}

function isLocal(address: string): boolean {
  return /(?:^|\.)localhost\.?$/i.test(address) || (address !== "" && loopback.has(address));
}

/** `example.com` and `.example.com` hold for names below it too, `example.com:8080` for this port only, `*` for all. */
function isExempt({ address, port }: ClientTarget, list: string): boolean {
  const name = address.toLowerCase();
  return list.split(/[,\s]+/).some((entry) => {
    if (entry === "*") return true;
    const [, host, of] = /^\.?(\[[^\]]*\]|[^:]*|.*:.*:.*?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
    if (!host || (of !== undefined && Number(of) !== port)) return false;
    const bare = host.replace(/^\[|\]$/g, "");
    return name === bare || name.endsWith(`.${bare}`);
  });
}

/** Address and port of a proxy. */
export function placeOf(proxy: URL): { host: string; port: number } {
  return { host: proxy.hostname.replace(/^\[|\]$/g, ""), port: Number(proxy.port || 80) };
}

/** Asks a proxy for a tunnel to the target (RFC 9110 section 9.3.6). */
export class Tunnel implements Prelude {
  readonly ask: Uint8Array;
  readonly #reader: ResponseReader;

  constructor(proxy: URL, target: ClientTarget, limits: HttpLimits) {
    const authority = authorityOf(target);
    let text = `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n`;
    if (hasCredentials(proxy)) text += `Proxy-Authorization: ${basic(proxy)}\r\n`;
    this.ask = Buffer.from(`${text}\r\n`, "latin1");
    this.#reader = new ResponseReader(limits);
  }

  hear(bytes: Buffer): number {
    const behind = this.#reader.feed(bytes, 0, bytes.length);
    const { result } = this.#reader;
    if (result === undefined) return -1;
    if (result instanceof HttpFault) throw codedError("ERR_PROXY", `the proxy: ${result.message}`);
    if (result.status >= 200 && result.status < 300) return behind;
    const message = `the proxy answered ${result.status}`;
    throw refusal("ERR_PROXY", message, result.status, result.headers);
  }
}
