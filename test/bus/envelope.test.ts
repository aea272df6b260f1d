import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeEnvelope, encodeEnvelope, newInstance } from "../../lib/bus/envelope.ts";

const INSTANCE = "000102030405060708090a0b0c0d0e0f";

/** "chat", number 2^32 + 5, three bytes of data. */
const HEX = [
  "736c6365", // "slce"
  "01", // version
  "00",
  "0004", // the name's length
  INSTANCE,
  "0000000100000005", // sequence
  "00000003", // the data's length
  "63686174", // "chat"
  "00ff80",
].join("");

const example = () => Buffer.from(HEX, "hex");
const opened = {
  instance: INSTANCE,
  sequence: 2 ** 32 + 5,
  protocol: "chat",
  data: Buffer.from("00ff80", "hex"),
};

const envelopes = fc.record({
  instance: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((id) => Buffer.from(id).toString("hex")),
  sequence: fc.maxSafeNat(),
  protocol: fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }),
  data: fc.uint8Array({ maxLength: 200 }).map((data) => Buffer.from(data)),
});

/** The example with some bytes replaced. */
function withBytes(offset: number, hex: string): Buffer {
  const packet = example();
  packet.write(hex, offset, "hex");
  return packet;
}

describe("newInstance", () => {
  it("makes 16 random bytes, shown as hex", () => {
    const ids = Array.from({ length: 100 }, newInstance);
    expect(new Set(ids).size).toBe(100);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe("encodeEnvelope", () => {
  it("lays the fields out behind a magic word and a version", () => {
    expect(encodeEnvelope(opened).toString("hex")).toBe(HEX);
  });

  it.each([
    ["instance", { instance: "00" }],
    ["instance", { instance: INSTANCE.toUpperCase() }],
    ["sequence", { sequence: -1 }],
    ["sequence", { sequence: 2 ** 53 }],
    ["sequence", { sequence: 0.5 }],
    ["protocol", { protocol: "" }],
    ["protocol", { protocol: "é".repeat(32_768) }],
  ])("refuses a wrong %s: %o", (field, wrong) => {
    expect(() => encodeEnvelope({ ...opened, ...wrong })).toThrow(RangeError);
    expect(() => encodeEnvelope({ ...opened, ...wrong })).toThrow(field);
  });
});

describe("decodeEnvelope", () => {
  it("gives the fields back", () => {
    expect(decodeEnvelope(example())).toEqual(opened);
  });

  it("gives back what encodeEnvelope was given", () => {
    fc.assert(
      fc.property(envelopes, (envelope) => {
        const arrived = decodeEnvelope(encodeEnvelope(envelope));
        expect(arrived).toEqual(envelope);
      }),
    );
  });

  it("does not copy the data", () => {
    const packet = example();
    const { data } = decodeEnvelope(packet)!;
    packet[packet.length - 1] = 0x7f;
    expect(data.toString("hex")).toBe("00ff7f");
  });

  it("takes a view that begins inside of a buffer, and a plain Uint8Array", () => {
    const around = Buffer.concat([Buffer.from("before"), example(), Buffer.from("behind")]);
    const view = new Uint8Array(around.buffer, around.byteOffset + 6, HEX.length / 2);
    expect(decodeEnvelope(view)).toEqual(opened);
  });

  it("takes empty data, and the longest name", () => {
    const envelope = { ...opened, protocol: "n".repeat(65_535), data: Buffer.alloc(0) };
    expect(decodeEnvelope(encodeEnvelope(envelope))).toEqual(envelope);
  });

  it("refuses a packet that is cut, wherever it is", () => {
    const packet = example();
    for (let end = 0; end < packet.length; end++)
      expect(decodeEnvelope(packet.subarray(0, end))).toBeUndefined();
    for (let start = 1; start < packet.length; start++)
      expect(decodeEnvelope(packet.subarray(start))).toBeUndefined();
  });

  it.each([
    ["another magic word", withBytes(0, "736c6364")],
    ["version 0", withBytes(4, "00")],
    ["version 2", withBytes(4, "02")],
    ["a reserved byte that is not zero", withBytes(5, "01")],
    ["a name that is shorter than the space for it", withBytes(6, "0003")],
    ["a name that is longer than the packet", withBytes(6, "ffff")],
    ["a sequence of 2^53", withBytes(24, "0020000000000000")],
    ["the highest sequence there is", withBytes(24, "ffffffffffffffff")],
    ["data that is longer than the packet", withBytes(32, "ffffffff")],
    ["data that is shorter than what follows", withBytes(32, "00000002")],
    ["a name that is not UTF-8", withBytes(36, "63c3")],
    ["no name", Buffer.from(`736c636501000000${INSTANCE}000000000000000000000000`, "hex")],
    ["a byte too many", Buffer.concat([example(), Buffer.alloc(1)])],
  ])("refuses %s", (_what, packet) => {
    expect(decodeEnvelope(packet)).toBeUndefined();
  });

  it("throws for no bytes at all", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        decodeEnvelope(bytes);
        // The same bytes, behind a beginning that lets them in.
        decodeEnvelope(Buffer.concat([Buffer.from("736c63650100", "hex"), bytes]));
      }),
    );
  });

  it("takes a packet with some bytes changed only where it can be read without doubt", () => {
    fc.assert(
      fc.property(envelopes, fc.nat(), fc.integer({ min: 1, max: 255 }), (envelope, at, change) => {
        const packet = encodeEnvelope(envelope);
        packet[at % packet.length] ^= change;
        const arrived = decodeEnvelope(packet);
        if (arrived !== undefined) expect(encodeEnvelope(arrived).equals(packet)).toBe(true);
      }),
    );
  });
});
