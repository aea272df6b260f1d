import { describe, expect, it } from "vitest";
import { PingPayload } from "../../test-server/ping-payload.ts";

const payload = new PingPayload(12, Buffer.from("aabb", "hex"));
const decode = (hex: string) => payload.decode(Buffer.from(hex, "hex"));

describe("the payload of a ping", () => {
  it("is its number in eight bytes, big endian, and a filler", () => {
    expect(payload.encode(258).toString("hex")).toBe("0000000000000102aabbaabb");
    expect(new PingPayload(8, Buffer.from("aabb", "hex")).encode(1).toString("hex")).toBe("0000000000000001");
  });

  it("gives the number back", () => {
    expect(payload.decode(Buffer.from(payload.encode(2 ** 40)))).toBe(2 ** 40);
  });

  it("is told from what others send: of another length, or with another filler", () => {
    expect(decode("0000000000000102aabbaabb")).toBe(258);
    expect(decode("0000000000000102aabbaabc")).toBeUndefined();
    expect(decode("0000000000000102aabbaa")).toBeUndefined();
    expect(decode("")).toBeUndefined();
  });
});
