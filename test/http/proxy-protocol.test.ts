import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_V2_BYTES, ProxyHeaderReader } from "../../lib/http/proxy-protocol.ts";
import { hex } from "../support/raw.ts";

const SIGNATURE = "0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a";
const BEHIND = Buffer.from("GET / HTTP/1.1\r\n");

/** What a reader makes of bytes that come in these pieces, and how many it takes. */
function read(...pieces: Buffer[]) {
  const reader = new ProxyHeaderReader();
  let taken = 0;
  for (const piece of pieces) {
    // Not at the start of its buffer, as bytes that arrive never are.
    const lent = Buffer.concat([Buffer.alloc(3), piece]);
    const behind = reader.feed(lent, 3, lent.length) - 3;
    taken += behind;
    if (behind < piece.length) break;
  }
  const { result, fault } = reader;
  return { result, fault, taken };
}

const line = (text: string) => Buffer.from(text, "latin1");
const v2 = (command: string, family: string, rest: string, length = hex(rest).length) =>
  Buffer.concat([hex(`${SIGNATURE} ${command} ${family}`), Buffer.of(length >> 8, length & 255), hex(rest)]);

const inet = "c0 00 02 01 c6 33 64 07 d9 03 00 50";
const inet6 =
  "20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 02 d9 03 00 50";
const unix = "2f".repeat(216);
const tlv = "04 00 03 61 62 63";

const own = { address: null, port: 0 };
const good: [string, Buffer, object][] = [
  ["TCP4", line("PROXY TCP4 192.0.2.1 198.51.100.7 55555 80\r\n"), { address: "192.0.2.1", port: 55555 }],
  ["TCP6", line("PROXY TCP6 2001:DB8::1 2001:db8::2 1 2\r\n"), { address: "2001:db8::1", port: 1 }],
  ["TCP6, mapped", line("PROXY TCP6 ::ffff:192.0.2.1 ::1 0 0\r\n"), { address: "192.0.2.1", port: 0 }],
  ["UNKNOWN", line("PROXY UNKNOWN\r\n"), own],
  ["UNKNOWN with more", line("PROXY UNKNOWN ff:ff::ff 1.2.3 x y\r\n"), own],
  ["v2 AF_INET", v2("21", "11", inet), { address: "192.0.2.1", port: 55555 }],
  ["v2 AF_INET with TLVs", v2("21", "11", inet + tlv + tlv), { address: "192.0.2.1", port: 55555 }],
  ["v2 AF_INET6", v2("21", "21", inet6), { address: "2001:db8::1", port: 55555 }],
  ["v2 AF_UNIX", v2("21", "31", unix), { address: "", port: 0 }],
  ["v2 AF_UNSPEC", v2("21", "00", tlv), own],
  ["v2 datagrams", v2("21", "12", inet), own],
  ["v2 LOCAL", v2("20", "00", ""), own],
  ["v2 LOCAL with addresses", v2("20", "11", inet), own],
  ["v2 LOCAL with less than its addresses", v2("20", "21", "01 02"), own],
  [
    "v2 of the largest size",
    v2("21", "11", inet + "00".repeat(MAX_V2_BYTES - 12)),
    { address: "192.0.2.1", port: 55555 },
  ],
];

describe("a PROXY header", () => {
  it.each(good)("of %s tells the client, and ends where it ends", (_what, bytes, result) => {
    expect(read(Buffer.concat([bytes, BEHIND]))).toEqual({ result, fault: undefined, taken: bytes.length });
  });

  it.each(good)("of %s may be cut at every offset", (_what, bytes, result) => {
    const all = Buffer.concat([bytes, BEHIND]);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const seen = read(all.subarray(0, cut), all.subarray(cut));
      expect(seen, `cut at ${cut}`).toEqual({ result, fault: undefined, taken: bytes.length });
      if (cut < bytes.length) expect(read(all.subarray(0, cut)).result).toBeUndefined();
    }
    expect(read(...[...bytes].map((byte) => Buffer.of(byte))).result).toEqual(result);
  });

  it("of 107 bytes is the longest line", () => {
    const fits = line(`PROXY UNKNOWN ${"x".repeat(91)}\r\n`);
    expect(fits.length).toBe(107);
    expect(read(fits).result).toEqual(own);
    expect(read(line(`PROXY UNKNOWN ${"x".repeat(92)}\r\n`)).fault).toBe("the PROXY line is too long");
  });

  it.each([
    ["GET / HTTP/1.1\r\n", 1],
    ["PUT / HTTP/1.1\r\n", 2],
    ["PROXYTCP4", 6],
    ["\r\nGET / HTTP/1.1\r\n", 3],
    ["\x16\x03\x01", 1],
  ])("is not %j, which shows at byte %i", (text, at) => {
    expect(read(line(text))).toEqual({ result: undefined, fault: "no PROXY header", taken: at });
  });

  it.each([
    "PROXY TCP4 192.0.2.1 198.51.100.7 55555\r\n",
    "PROXY TCP4 192.0.2.1 198.51.100.7 55555 80\n",
    "PROXY TCP4 192.0.2.1 198.51.100.7 55555 80 \r\n",
    "PROXY TCP4  192.0.2.1 198.51.100.7 55555 80\r\n",
    "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
    "PROXY TCP6 192.0.2.1 198.51.100.7 55555 80\r\n",
    "PROXY TCP4 192.0.2.1 example.com 55555 80\r\n",
    "PROXY TCP4 192.0.2.1 198.51.100.7 65536 80\r\n",
    "PROXY TCP4 192.0.2.1 198.51.100.7 080 80\r\n",
    "PROXY TCP4 192.0.2.1 198.51.100.7 -1 80\r\n",
    "PROXY tcp4 192.0.2.1 198.51.100.7 1 80\r\n",
    "PROXY UDP4 192.0.2.1 198.51.100.7 1 80\r\n",
    "PROXY UNKNOWNX\r\n",
    "PROXY \r\n",
    "PROXY UNKNOWN \x01\r\n",
  ])("is malformed as %j", (text) => {
    expect(read(line(text)).fault).toBe("the PROXY line is malformed");
  });

  it.each([
    ["another version", v2("11", "11", inet), /version or command/],
    ["another command", v2("22", "11", inet), /version or command/],
    ["another family", v2("21", "41", inet), /family/],
    ["another transport", v2("21", "13", inet), /family/],
    ["less than its addresses", v2("21", "11", "01 02 03"), /shorter/],
    ["addresses of the other family", v2("21", "21", inet), /shorter/],
    ["4097 bytes", v2("21", "11", "", 4097), /too long/],
    ["LOCAL and 65535 bytes", v2("20", "00", "", 65_535), /too long/],
  ])("of %s is refused as soon as it shows", (_what, bytes, fault) => {
    expect(read(bytes)).toMatchObject({ result: undefined, fault: expect.stringMatching(fault), taken: 16 });
  });

  it("takes nothing after it is over, and nothing after a fault", () => {
    const reader = new ProxyHeaderReader();
    const bytes = line("PROXY UNKNOWN\r\nPROXY");
    expect(reader.feed(bytes, 0, bytes.length)).toBe(15);
    expect(reader.feed(bytes, 15, bytes.length)).toBe(15);
    const failed = new ProxyHeaderReader();
    failed.feed(BEHIND, 0, 5);
    expect(failed.feed(BEHIND, 5, 9)).toBe(5);
  });

  it("of any bytes in any cuts is read to the same end, and throws nothing", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc
        .tuple(fc.constantFrom(...good), fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 3 }))
        .map(([[, given], changes]) => {
          const changed = Buffer.from(given);
          for (const [at, byte] of changes) if (at < changed.length) changed[at] = byte;
          return changed;
        }),
    );
    fc.assert(
      fc.property(bytes, fc.nat(300), (given, cut) => {
        const all = Buffer.from(given);
        expect(read(all.subarray(0, cut), all.subarray(cut))).toEqual(read(all));
      }),
      { numRuns: 1000 },
    );
  });
});
