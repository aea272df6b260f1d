import { formatIp, parseIp } from "../base/ip.ts";
import { LF } from "./tokens.ts";

/** What a header of the PROXY protocol tells. */
export interface ProxiedFrom {
  /** The client's address in text form; empty for one on a Unix socket; null where the connection's own counts. */
  readonly address: string | null;
  readonly port: number;
}

/** The longest header of version 1, CR and LF included. */
const MAX_LINE = 107;
/** The longest rest of a header of version 2 that is taken; addresses are at most 216 bytes, the others are TLVs. */
export const MAX_V2_BYTES = 4096;

const LINE_START = Buffer.from("PROXY ", "latin1");
const SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
/** Signature, version and command, family and transport, length. */
const V2_HEAD = 16;

const LOCAL = 0x20;
const PROXY = 0x21;
/** Bytes of both addresses and ports, by family: unspecified, IPv4, IPv6, Unix. */
const ADDRESS_BYTES = [0, 12, 36, 216];
const DATAGRAM = 2;

const START = 0;
const LINE = 1;
const HEAD = 2;
const ADDRESSES = 3;
const TLVS = 4;

const OWN: ProxiedFrom = Object.freeze({ address: null, port: 0 });

/**
 * Reads the header with which a proxy begins a connection (HAProxy's PROXY protocol, versions 1 and 2), in any cuts.
 *
 * ```
 *          'P'
 *   START ─────► LINE ──CR LF──► done                           version 1: one line of text, at most 107 bytes
 *     └──CR──► HEAD ──► ADDRESSES ──► TLVS (skipped) ──► done    version 2: binary, with a length
 * ```
 *
 * Nothing is guessed: who must send a header and sends something else is refused at the first byte that differs.
 */
export class ProxyHeaderReader {
  /** Undefined while more is needed, and once `fault` is there. */
  result: ProxiedFrom | undefined = undefined;
  /** One sentence for the log. */
  fault: string | undefined = undefined;
  readonly #held = Buffer.alloc(V2_HEAD + ADDRESS_BYTES[3]);
  #size = 0;
  #state = START;
  /** Bytes to collect in this state, or to skip. */
  #toCome = 0;

  /** Takes bytes `start` to `end` of `buffer`, and returns the offset behind the last one taken. */
  feed(buffer: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end && this.result === undefined && this.fault === undefined)
      at = this.#step(buffer, at, end);
    return at;
  }

  #step(buffer: Buffer, at: number, end: number): number {
    switch (this.#state) {
      case START:
        this.#state = buffer[at] === SIGNATURE[0] ? HEAD : LINE;
        return at;
      case LINE:
        return this.#line(buffer[at], at + 1);
      case HEAD:
        return this.#head(buffer[at], at + 1);
      case ADDRESSES:
        this.#held[this.#size++] = buffer[at];
        if (--this.#toCome === 0) this.#skip();
        return at + 1;
      default: {
        const skipped = Math.min(this.#toCome, end - at);
        this.#toCome -= skipped;
        if (this.#toCome === 0) this.#finish();
        return at + skipped;
      }
    }
  }

  #line(byte: number, behind: number): number {
    if (this.#size < LINE_START.length && byte !== LINE_START[this.#size])
      return this.#fail("no PROXY header", behind);
    this.#held[this.#size++] = byte;
    if (byte === LF) this.result = parseLine(this.#held.toString("latin1", 0, this.#size));
    if (byte === LF && this.result === undefined) this.#fail("the PROXY line is malformed", behind);
    if (byte !== LF && this.#size === MAX_LINE) this.#fail("the PROXY line is too long", behind);
    return behind;
  }

  #head(byte: number, behind: number): number {
    if (this.#size < SIGNATURE.length && byte !== SIGNATURE[this.#size])
      return this.#fail("no PROXY header", behind);
    this.#held[this.#size++] = byte;
    if (this.#size < V2_HEAD) return behind;
    const length = this.#held.readUInt16BE(14);
    const fault = v2Fault(this.#held[12], this.#held[13], length);
    if (fault !== undefined) return this.#fail(fault, behind);
    this.#toCome = this.#addressBytes;
    this.#state = ADDRESSES;
    if (this.#toCome === 0) this.#skip();
    return behind;
  }

  /** LOCAL may say anything of addresses; nobody is to look at it. */
  get #addressBytes(): number {
    return this.#held[12] === LOCAL ? 0 : ADDRESS_BYTES[this.#held[13] >> 4];
  }

  #skip(): void {
    this.#state = TLVS;
    this.#toCome = this.#held.readUInt16BE(14) - this.#addressBytes;
    if (this.#toCome === 0) this.#finish();
  }

  #finish(): void {
    this.result = v2Source(this.#held);
  }

  #fail(fault: string, behind: number): number {
    this.fault = fault;
    return behind;
  }
}

function v2Fault(command: number, family: number, length: number): string | undefined {
  if (command !== LOCAL && command !== PROXY) return "the PROXY header has an unknown version or command";
  if (length > MAX_V2_BYTES) return "the PROXY header is too long";
  if (command === LOCAL) return undefined;
  const addressBytes = ADDRESS_BYTES[family >> 4];
  if (addressBytes === undefined || (family & 15) > DATAGRAM) return "the PROXY header has an unknown family";
  return length < addressBytes ? "the PROXY header is shorter than its addresses" : undefined;
}

function v2Source(held: Buffer): ProxiedFrom {
  const family = held[13] >> 4;
  // A transport that is not a stream says nothing about this one.
  if (held[12] === LOCAL || family === 0 || (held[13] & 15) !== 1) return OWN;
  if (family === 3) return { address: "", port: 0 };
  const size = family === 1 ? 4 : 16;
  const address = formatIp(held.subarray(V2_HEAD, V2_HEAD + size));
  return { address, port: held.readUInt16BE(V2_HEAD + 2 * size) };
}

function parseLine(line: string): ProxiedFrom | undefined {
  if (/^PROXY UNKNOWN(?: [\x20-\x7e]*)?\r\n$/.test(line)) return OWN;
  const parts = /^PROXY TCP([46]) (\S+) (\S+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})\r\n$/.exec(line);
  if (parts === null) return undefined;
  const [, version, source, destination, sourcePort, destinationPort] = parts;
  const isFamily = (text: string) => text.includes(":") === (version === "6");
  const bytes = parseIp(source);
  if (bytes === null || parseIp(destination) === null || !isFamily(source) || !isFamily(destination))
    return undefined;
  if (Number(sourcePort) > 65_535 || Number(destinationPort) > 65_535) return undefined;
  return { address: formatIp(bytes), port: Number(sourcePort) };
}
