import type { ResponseHead } from "../http/response-head.ts";
import type { Link } from "../loop/loop.ts";
import { Connection, DEAF } from "./connection.ts";
import type { Host, Role } from "./role.ts";

/** What stands in the place of a link until there is one. */
const NO_LINK: Link = Object.freeze({
  // Nobody will be told anything by it.
  get handler() {
    return DEAF;
  },
  set handler(_handler) {},
  remoteAddress: "",
  remotePort: 0,
  secure: false,
  fd: -1,
  backlog: 0,
  writable: false,
  block: Buffer.alloc(0),
  queued: 0,
  choked: false,
  reserve: () => 0,
  commit() {},
  send() {},
  requestWritable() {},
  pause() {},
  resume() {},
  end() {},
  destroy() {},
});

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze(Object.create(null));

/** The Wsi of a client: there before its link is, and the headers are the server's. */
export class ClientConnection extends Connection {
  /** What was asked for: path and query, and the sub-protocols. */
  readonly #target: string;
  readonly #asked: readonly string[];
  /** The server's 101; null before it. */
  reply: ResponseHead | null = null;

  constructor(host: Host, target: string, asked: readonly string[], role: (connection: Connection) => Role) {
    super(host, NO_LINK, role);
    this.#target = target;
    this.#asked = asked;
  }

  override get method(): string {
    return "";
  }
  override get uri(): string {
    return this.#target.split("?", 1)[0];
  }
  override get query(): string {
    return this.#target.slice(this.uri.length + 1);
  }
  override get headers(): Readonly<Record<string, string>> {
    return this.reply?.headers ?? NO_HEADERS;
  }
  override get protocolsAsked(): readonly string[] {
    return this.#asked;
  }

  /** Lets the link go without a word, as if it had not been. */
  dropLink(): void {
    const { link } = this;
    this.link = NO_LINK;
    link.handler = DEAF;
    link.destroy();
  }
}
