import type { AddressSet } from "../base/address-set.ts";
import type { ProxiedFrom } from "../http/proxy-protocol.ts";
import type { RequestHead } from "../http/request-head.ts";
import type { Link } from "../loop/loop.ts";
import { AddressCount } from "./addresses.ts";
import { ClientAddress } from "./client-address.ts";

/** A connection, as its address is found out and counted. */
export interface Admitted {
  readonly link: Link;
  /** Null where the link's own address is the client's. */
  client: ClientAddress | null;
}

/** What of the options concerns addresses. */
export interface AdmissionSettings {
  readonly maxConnectionsPerAddress: number;
  readonly trustedProxies: AddressSet | null;
  readonly proxyProtocol: boolean;
}

/**
 * Finds out where connections come from, and lets so many in from each address.
 *
 * ```
 *   straight from the client                   counted from its begin to its end
 *   with a PROXY header                        as above, for the address that the header tells
 *   from a trusted proxy (X-Forwarded-For)     not counted; each request is, for its own client, and so is a session
 * ```
 */
export class Admission {
  readonly #counts: AddressCount;
  readonly #trusted: AddressSet | null;
  readonly #proxyProtocol: boolean;

  constructor(settings: AdmissionSettings) {
    this.#counts = new AddressCount(settings.maxConnectionsPerAddress);
    this.#trusted = settings.trustedProxies;
    this.#proxyProtocol = settings.proxyProtocol;
  }

  /** True for a connection that has to begin with a PROXY header. */
  awaitsHeader(link: Link): boolean {
    return this.#proxyProtocol && (this.#trusted === null || this.#trusted.has(link.remoteAddress));
  }

  /** The connection has its header still to come, and counts for nobody until then. */
  await(connection: Admitted): void {
    const { remoteAddress, remotePort, secure } = connection.link;
    connection.client = new ClientAddress(remoteAddress, remotePort, secure, false);
  }

  /**
   * A connection is there, with its header if it has one.
   *
   * @returns False when there are enough from its address.
   */
  enter(connection: Admitted, told: ProxiedFrom | null): boolean {
    const { link } = connection;
    const address = told?.address ?? link.remoteAddress;
    const believed = this.#trusted?.has(address) ?? false;
    connection.client = null;
    if (!believed && told === null) return this.#counts.add(address);
    const port = told === null || told.address === null ? link.remotePort : told.port;
    const client = new ClientAddress(address, port, link.secure, believed);
    connection.client = client;
    return believed || this.#count(client);
  }

  /** A request is there. False when there are enough from where it comes. */
  request(client: ClientAddress, head: RequestHead): boolean {
    if (!client.believed || this.#trusted === null) return true;
    this.requestOver(client);
    client.read(head, this.#trusted);
    return client.isOwn || this.#count(client);
  }

  /** The request is over. A session is not, as long as it lives. */
  requestOver(client: ClientAddress): void {
    if (!client.believed) return;
    this.#counts.remove(client.counted);
    client.counted = "";
  }

  /** A connection that was let in has ended. */
  leave({ client, link }: Admitted): void {
    this.#counts.remove(client === null ? link.remoteAddress : client.counted);
    if (client !== null) client.counted = "";
  }

  #count(client: ClientAddress): boolean {
    if (!this.#counts.add(client.remoteAddress)) return false;
    client.counted = client.remoteAddress;
    return true;
  }
}
