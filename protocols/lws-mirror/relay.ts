/** A message on its way to the rooms of that name in other processes. */
export interface Relayed {
  room: string;
  binary: boolean;
  data: Uint8Array;
}

/*
 *   | NUL "mirror" | 0 for text, 1 for binary | name's length, 2 bytes | name | data |
 *
 * What an application broadcasts to the mirror's sessions is text, and begins with no NUL.
 */
const MARK = Buffer.from("\0mirror");
const HEADER = MARK.length + 3;

export function makeRelay({ room, binary, data }: Relayed): Buffer {
  const name = Buffer.from(room);
  const header = Buffer.alloc(HEADER);
  header.set(MARK);
  header.writeUInt8(Number(binary), MARK.length);
  header.writeUInt16BE(name.length, MARK.length + 1);
  return Buffer.concat([header, name, data]);
}

/** Undefined for what no mirror has sent. The data is a view. */
export function readRelay(bytes: Buffer): Relayed | undefined {
  if (bytes.length < HEADER || MARK.compare(bytes, 0, MARK.length) !== 0) return undefined;
  const end = HEADER + bytes.readUInt16BE(MARK.length + 1);
  if (end > bytes.length) return undefined;
  const binary = bytes.readUInt8(MARK.length) === 1;
  return { room: bytes.toString("utf8", HEADER, end), binary, data: bytes.subarray(end) };
}
