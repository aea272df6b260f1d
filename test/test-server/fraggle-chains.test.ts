import { isUtf8 } from "node:buffer";
import fc from "fast-check";
import { WriteProtocol } from "sluice";
import { beforeEach, describe, expect, it } from "vitest";
import { Chains, Checker, type Fragment } from "../../test-server/fraggle-chains.ts";

const { TEXT, BINARY, CONTINUATION, NO_FIN } = WriteProtocol;

/** The frames of the next message, and its sum. */
function chain(chains: Chains): [frames: Fragment[], sum: Fragment] {
  const frames: Fragment[] = [];
  for (;;) {
    const fragment = chains.next();
    if (fragment.sum) return [frames, fragment];
    frames.push(fragment);
  }
}

describe("chains", () => {
  it("are a message in fragments, and its sum in four bytes of binary", () => {
    const chains = new Chains({ fragments: 9, size: 30 }, 1);
    const kinds = new Set<number>();
    for (let i = 0; i < 100; i++) {
      const [frames, sum] = chain(chains);
      const kind = frames[0]!.mode & ~NO_FIN;
      kinds.add(kind);
      expect(frames.length).toBeLessThanOrEqual(9);
      const modes = frames.map((_, at) => (at === 0 ? kind : CONTINUATION) | NO_FIN);
      modes[frames.length - 1]! &= ~NO_FIN;
      expect(frames.map(({ mode }) => mode)).toEqual(modes);
      const message = Buffer.concat(frames.map(({ data }) => data));
      if (kind === TEXT) expect(isUtf8(message)).toBe(true);
      expect(sum.mode).toBe(BINARY);
      expect(sum.data.readUInt32BE()).toBe(message.reduce((total, byte) => total + byte, 0));
    }
    expect(kinds).toEqual(new Set([TEXT, BINARY]));
  });

  it("are the same for the same seed", () => {
    const take = (seed: number) => chain(new Chains({ fragments: 50, size: 50 }, seed));
    expect(take(3)).toEqual(take(3));
    expect(take(3)).not.toEqual(take(4));
  });
});

describe("the checker", () => {
  let checker: Checker;
  const bytes = (hex: string) => Buffer.from(hex, "hex");
  const part = { frame: false, message: false };
  const whole = { frame: true, message: true };
  beforeEach(() => {
    checker = new Checker();
  });

  it("adds up pieces, and takes the sum in pieces too", () => {
    expect(checker.take(bytes("ff01"), true, part)).toBeUndefined();
    expect(checker.take(bytes("02"), true, whole)).toBeUndefined();
    expect(checker.take(bytes("0000"), true, part)).toBeUndefined();
    expect(checker.take(bytes("0102"), true, whole)).toBeUndefined();
    expect(checker).toMatchObject({ messages: 1, wrong: 0, bytes: 3, fragments: 1 });
  });

  it.each([
    ["another sum", bytes("00000102"), true, "message 1: the sum should be 258, and is 257"],
    ["a sum of text", bytes("00000101"), false, "message 1: a sum is 4 bytes of binary, not 4 of text"],
    ["a short one", bytes("000101"), true, "message 1: a sum is 4 bytes of binary, not 3 of binary"],
    ["a long one", bytes("0000010100"), true, "message 1: a sum is 4 bytes of binary, not 5 of binary"],
  ])("complains about %s, and goes on", (_, sum, binary, complaint) => {
    checker.take(bytes("ff02"), true, whole);
    expect(checker.take(sum, binary, whole)).toBe(complaint);
    checker.take(bytes("61"), false, whole);
    expect(checker.take(bytes("00000061"), true, whole)).toBeUndefined();
    expect(checker).toMatchObject({ messages: 2, wrong: 1 });
  });

  it("finds every byte that was changed on the way", () => {
    const change = [fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 })] as const;
    fc.assert(
      fc.property(...change, (seed, at, by) => {
        const [frames, sum] = chain(new Chains({ fragments: 5, size: 20 }, seed));
        const message = Buffer.concat(frames.map(({ data }) => data));
        if (message.length === 0) return true;
        message[at % message.length]! += by;
        const fresh = new Checker();
        fresh.take(message, true, whole);
        return fresh.take(sum.data, true, whole) !== undefined;
      }),
    );
  });
});
