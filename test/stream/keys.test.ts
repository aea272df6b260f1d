import { expect, it } from "vitest";
import { wsRequestKey, wsResponseKey } from "../../lib/stream/keys.ts";
import { ACCEPT, KEY } from "../support/frames.ts";

it("makes keys of 16 bytes in base64, each another one", () => {
  const keys = Array.from({ length: 50 }, wsRequestKey);
  expect(new Set(keys).size).toBe(50);
  for (const key of keys) expect(Buffer.from(key, "base64").toString("base64")).toBe(key);
  expect(Buffer.from(keys[0], "base64")).toHaveLength(16);
});

it("answers the key of RFC 6455's example", () => {
  expect(wsResponseKey(KEY)).toBe(ACCEPT);
});

it("answers every key that it makes", () => {
  expect(wsResponseKey(wsRequestKey())).toMatch(/^[\w+/]{27}=$/);
});

it.each(["", "short", `${KEY} `, KEY.replace("=", "")])("takes %j for no key", (key) => {
  expect(() => wsResponseKey(key)).toThrow(expect.objectContaining({ code: "EPROTO" }));
});
