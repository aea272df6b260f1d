import { describe, expect, it } from "vitest";
import { CallbackReason, type CallbackResult, type Protocol, type Wsi } from "../../lib/api.ts";
import {
  dispatch,
  GO_ON,
  makeUser,
  NO_USER,
  type Outcome,
  PENDING,
  REFUSED,
  THREW,
} from "../../lib/engine/dispatch.ts";

const nobody = {} as Wsi;

/** Calls a protocol whose callback returns what `act` does. */
function call(act: () => unknown) {
  const log: string[] = [];
  const logger = { error: (line: string) => void log.push(line), warn() {}, info() {}, debug() {} };
  let done = (_settled: [number, Outcome]) => {};
  const settled = new Promise<[number, Outcome]>((resolve) => {
    done = resolve;
  });
  const owner = { settled: (reason: number, outcome: Outcome) => done([reason, outcome]) };
  const protocol: Protocol = { name: "mine", callback: () => act() as CallbackResult };
  const outcome = dispatch(protocol, nobody, CallbackReason.RECEIVE, undefined, "", 0, owner, logger);
  return { outcome, settled, log };
}

describe("a callback", () => {
  it("gets the connection, the reason, the user's data, the input and its length", () => {
    const got: unknown[] = [];
    const protocol: Protocol = { name: "mine", callback: (...all) => void got.push(...all) };
    const user = {};
    const owner = { settled() {} };
    dispatch(protocol, nobody, CallbackReason.TIMER, user, "input", 5, owner, console);
    expect(got).toEqual([nobody, CallbackReason.TIMER, user, "input", 5]);
    expect(got[2]).toBe(user);
  });

  it("is called as a method of its protocol", () => {
    const protocol: Protocol = {
      name: "mine",
      callback() {
        expect(this).toBe(protocol);
      },
    };
    expect(dispatch(protocol, nobody, 6, undefined, "", 0, { settled() {} }, console)).toBe(GO_ON);
  });

  it.each([undefined, 0, null, false, ""])("goes on when it returns %j", (value) => {
    expect(call(() => value).outcome).toBe(GO_ON);
  });

  it.each([1, -1, Number.POSITIVE_INFINITY, true])("refuses when it returns %j", (value) => {
    expect(call(() => value).outcome).toBe(REFUSED);
  });

  it.each([new Error("boom"), "boom", undefined, null])(
    "that throws %s has thrown, and it is logged",
    (thrown) => {
      const { outcome, log } = call(() => {
        throw thrown;
      });
      expect(outcome).toBe(THREW);
      expect(log).toHaveLength(1);
      expect(log[0]).toMatch(/^protocol "mine" threw in RECEIVE: /);
      expect(log[0]).toContain(thrown instanceof Error ? "boom" : String(thrown));
    },
  );
});

describe("a promise of a callback", () => {
  it.each([
    [undefined, GO_ON],
    [0, GO_ON],
    [1, REFUSED],
    [-1, REFUSED],
  ])("of %s ends so", async (value, end) => {
    const { outcome, settled, log } = call(async () => value);
    expect(outcome).toBe(PENDING);
    expect(await settled).toEqual([CallbackReason.RECEIVE, end]);
    expect(log).toEqual([]);
  });

  it("that is rejected has thrown, and it is logged", async () => {
    const { outcome, settled, log } = call(async () => {
      throw new Error("boom");
    });
    expect(outcome).toBe(PENDING);
    expect(await settled).toEqual([CallbackReason.RECEIVE, THREW]);
    expect(log[0]).toMatch(/^protocol "mine" threw in RECEIVE: Error: boom/);
  });
});

describe("a session's own data", () => {
  const logger = { error() {}, warn() {}, info() {}, debug() {} };

  it("is made afresh by the protocol, and undefined when it makes none", () => {
    const protocol: Protocol = { name: "mine", callback() {}, perSessionData: () => ({}) };
    expect(makeUser(protocol, logger)).toEqual({});
    expect(makeUser(protocol, logger)).not.toBe(makeUser(protocol, logger));
    expect(makeUser({ name: "mine", callback() {} }, logger)).toBeUndefined();
  });

  it("is none when making it throws, and that is logged", () => {
    const log: string[] = [];
    const perSessionData = () => {
      throw new Error("boom");
    };
    const error = (line: string) => void log.push(line);
    expect(makeUser({ name: "mine", callback() {}, perSessionData }, { ...logger, error })).toBe(NO_USER);
    expect(log[0]).toMatch(/^protocol "mine" threw in perSessionData: Error: boom/);
  });

  it("is none when the logger throws besides", () => {
    const fails = () => {
      throw new Error("boom");
    };
    const protocol: Protocol = { name: "mine", callback() {}, perSessionData: fails };
    expect(makeUser(protocol, { ...logger, error: fails })).toBe(NO_USER);
  });
});
