import type { AddressSet } from "../base/address-set.ts";
import { forwardedClient, forwardedSecure } from "../http/forwarded.ts";
import type { RequestHead } from "../http/request-head.ts";

/** Whose requests a connection brings, as far as proxies that are believed tell. */
export class ClientAddress {
  remoteAddress: string;
  remotePort: number;
  secure: boolean;
  /** The address that the connection counts for at the limit; empty for none. */
  counted = "";
  /** It comes from a proxy that is believed: each request tells whose it is. */
  readonly believed: boolean;
  readonly #ownAddress: string;
  readonly #ownPort: number;
  readonly #ownSecure: boolean;

  constructor(address: string, port: number, secure: boolean, believed: boolean) {
    this.remoteAddress = this.#ownAddress = address;
    this.remotePort = this.#ownPort = port;
    this.secure = this.#ownSecure = secure;
    this.believed = believed;
  }

  /** Nobody else was told of than the connection's own end. */
  get isOwn(): boolean {
    return this.remoteAddress === this.#ownAddress;
  }

  /** Takes over what the proxy says of this request; what it does not say, or not well, is the connection's own. */
  read(head: RequestHead, trusted: AddressSet): void {
    const addresses = head.get("x-forwarded-for");
    const client =
      addresses === undefined ? null : forwardedClient(addresses, (address) => trusted.has(address));
    this.remoteAddress = client?.address ?? this.#ownAddress;
    this.remotePort = client?.port ?? this.#ownPort;
    const scheme = head.get("x-forwarded-proto");
    this.secure = (scheme === undefined ? undefined : forwardedSecure(scheme)) ?? this.#ownSecure;
  }
}
