import { rmSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { History } from "../../../lib/base/history.ts";
import { quietLogger } from "../../../lib/base/log.ts";
import { type LoopCodec, openCodec } from "../../../lib/loop/epoll/zlib.ts";
import { codecContract } from "../../base/codec.ts";
import { childBuild, runChild, withoutFunction } from "./child.ts";

const SETTINGS = { level: 6, memLevel: 8, windowBits: 15 };

codecContract(
  "native",
  () => openCodec(quietLogger),
  (codec) => (codec as LoopCodec).close(),
);

afterAll(() => rmSync(childBuild, { recursive: true, force: true }));

describe("when the codec is closed", () => {
  it("leaves what was lent as it was", () => {
    const codec = openCodec(quietLogger);
    const compressed = codec.deflate(Buffer.from("held by somebody"), null, SETTINGS);
    const plain = codec.inflate(compressed, 0, compressed.length - 4, null, 100) as Buffer;
    codec.close();
    const other = openCodec(quietLogger);
    other.deflate(Buffer.alloc(1000, "other"), null, SETTINGS);
    expect(plain.toString()).toBe("held by somebody");
    expect(compressed.subarray(-4).toString("hex")).toBe("0000ffff");
    other.close();
  });

  it("goes on, with the histories as they are", () => {
    const codec = openCodec(quietLogger);
    const [sent, received] = [new History(32_768), new History(32_768)];
    for (let i = 0; i < 4; i++) {
      const compressed = codec.deflate(Buffer.from(`message ${i}`), sent, SETTINGS);
      const plain = codec.inflate(compressed, 0, compressed.length - 4, received, 100);
      expect(plain.toString()).toBe(`message ${i}`);
      if (i > 0) codec.close();
    }
  });
});

it("runs on node:zlib, and says so, where zlib cannot be called", async () => {
  const script = `
    ${withoutFunction("inflateResetKeep")}
    const loop = createEpollLoop(logger);
    const compressed = loop.codec.deflate(Buffer.from("text"), null, { level: 6, memLevel: 8, windowBits: 15 });
    const plain = loop.codec.inflate(compressed, 0, compressed.length - 4, null, 100);
    await loop.close();
    console.log(String(plain), lines.join());`;
  expect(await runChild(script)).toMatch(/^text compression uses node:zlib: .*no such function/);
});
