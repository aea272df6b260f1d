import { isUtf8 } from "node:buffer";
import { randomBytes } from "node:crypto";

/** What a packet on a bus holds. */
export interface Envelope {
  /** Who sent it: 32 lower case hex digits, from `newInstance`. */
  instance: string;
  /** Counts the packets of this sender: a whole number below 2^53. */
  sequence: number;
  /** The protocol whose sessions it is for: 1 to 65,535 bytes of UTF-8. */
  protocol: string;
  data: Uint8Array;
}

/** An envelope that arrived. */
export interface OpenedEnvelope extends Envelope {
  /** A view of the packet. */
  data: Buffer;
}

/*
 *    0        4         5      6                8            24           32            36
 *   | "slce" | version | zero | name's length  | instance   | sequence   | data's      | name | data |
 *   |        |  1      |      | 2 bytes        | 16 bytes   | 8 bytes    | length, 4   |      |      |
 *
 * Numbers have their highest byte first. Nothing stands behind the data.
 */
const MAGIC = 0x736c_6365;
const VERSION = 1;
const NAME_LENGTH = 6;
const INSTANCE = 8;
const SEQUENCE = 24;
const DATA_LENGTH = 32;
const HEADER = 36;
/** Of the sequence's upper half: above it, numbers are no longer exact. */
const MAX_HIGH = 2 ** 21 - 1;
const TWO_32 = 2 ** 32;

/** An id for a sender that no other one has: 16 random bytes as hex digits. */
export function newInstance(): string {
  return randomBytes(SEQUENCE - INSTANCE).toString("hex");
}

/**
 * Puts a message into a packet. The data is copied.
 *
 * @throws RangeError for a field that does not fit.
 */
export function encodeEnvelope({ instance, sequence, protocol, data }: Envelope): Buffer {
  const nameLength = Buffer.byteLength(protocol);
  if (!/^[0-9a-f]{32}$/.test(instance)) throw new RangeError("instance is not 32 lower case hex digits");
  if (!Number.isSafeInteger(sequence) || sequence < 0) throw new RangeError("sequence is not below 2^53");
  if (nameLength === 0 || nameLength > 0xffff) throw new RangeError("protocol is not 1 to 65535 bytes long");
  if (data.length >= TWO_32) throw new RangeError("data is 4 GiB or more");
  const packet = Buffer.allocUnsafe(HEADER + nameLength + data.length);
  packet.writeUInt32BE(MAGIC, 0);
  packet.writeUInt16BE(VERSION << 8, 4);
  packet.writeUInt16BE(nameLength, NAME_LENGTH);
  packet.write(instance, INSTANCE, "hex");
  packet.writeUInt32BE(Math.floor(sequence / TWO_32), SEQUENCE);
  packet.writeUInt32BE(sequence % TWO_32, SEQUENCE + 4);
  packet.writeUInt32BE(data.length, DATA_LENGTH);
  packet.write(protocol, HEADER);
  packet.set(data, HEADER + nameLength);
  return packet;
}

/**
 * Opens a packet. Never throws: for one that is not ours, of another version, cut short or with lengths that do not
 * fit, it returns `undefined`.
 */
export function decodeEnvelope(packet: Uint8Array): OpenedEnvelope | undefined {
  if (packet.length < HEADER) return undefined;
  const bytes = Buffer.from(packet.buffer, packet.byteOffset, packet.length);
  if (bytes.readUInt32BE(0) !== MAGIC || bytes.readUInt16BE(4) !== VERSION << 8) return undefined;
  const dataStart = HEADER + bytes.readUInt16BE(NAME_LENGTH);
  if (bytes.length !== dataStart + bytes.readUInt32BE(DATA_LENGTH)) return undefined;
  const high = bytes.readUInt32BE(SEQUENCE);
  const name = bytes.subarray(HEADER, dataStart);
  if (name.length === 0 || high > MAX_HIGH || !isUtf8(name)) return undefined;
  return {
    instance: bytes.toString("hex", INSTANCE, SEQUENCE),
    sequence: high * TWO_32 + bytes.readUInt32BE(SEQUENCE + 4),
    protocol: name.toString(),
    data: bytes.subarray(dataStart),
  };
}
