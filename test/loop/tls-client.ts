import { spawn } from "node:child_process";
import { join } from "node:path";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { Authority, type Pair, pemOf } from "../support/certificates.ts";
import { RawClient } from "../support/raw.ts";
import { temporaryFolder } from "../support/server.ts";

/* What the TLS parts of the contract share: certificates, and clients that are not ours. */

const folder = temporaryFolder();
export const authority = new Authority(folder);
export const stranger = new Authority(folder, "Somebody Else");

/** Of this machine, of two names, of clients that are believed and not: files. */
export const files = {
  here: authority.issue("localhost", "DNS:localhost,IP:127.0.0.1"),
  one: authority.issue("one.example"),
  any: authority.issue("*.any.example"),
  client: authority.issue("a client"),
  unknown: stranger.issue("an unknown client"),
};

export const ca = pemOf(authority).cert;
export const here: Pair = pemOf(files.here);
export const one: Pair = pemOf(files.one);
export const any: Pair = pemOf(files.any);

/** A folder's file that does not exist yet. */
export const newFile = (name: string) => join(folder, name);

/** A client of node:tls when its handshake is done; it believes the authority, whatever the name. */
export function tlsClient(
  port: number,
  options: ConnectionOptions = {},
): Promise<RawClient & { tls: TLSSocket }> {
  const socket = connect({ port, host: "127.0.0.1", ca, checkServerIdentity: () => undefined, ...options });
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed in the handshake")));
    socket.once("secureConnect", () => resolve(Object.assign(new RawClient(socket), { tls: socket })));
  });
}

/**
 * What `openssl s_client` has printed at its end. It quits as soon as `until` has been printed.
 *
 * @param input - What it sends when the handshake is done; `"R\n"` renegotiates.
 */
export function sClient(
  port: number,
  args: string[],
  until = "Verify return code",
  input = "",
): Promise<string> {
  const target = ["-connect", `127.0.0.1:${port}`, "-CAfile", authority.cert];
  const child = spawn("openssl", ["s_client", ...target, ...args]);
  let text = "";
  child.stdin.write(input);
  const hear = (more: Buffer) => {
    text += more;
    if (text.includes(until)) child.stdin.end("Q\n");
  };
  child.stdout.on("data", hear);
  child.stderr.on("data", hear);
  child.stdin.on("error", () => {});
  return new Promise((resolve) => child.once("close", () => resolve(text)));
}
