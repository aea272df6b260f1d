import { describe, expect, expectTypeOf, it } from "vitest";
import {
  CallbackReason,
  type CloseInfo,
  type Context,
  type Protocol,
  reasonName,
  type Wsi,
} from "../lib/api.ts";

const typed: Protocol<{ name: string }> = {
  name: "typed",
  perSessionData: () => ({ name: "anonymous" }),
  callback(_wsi, reason, user, input, len) {
    expectTypeOf(len).toEqualTypeOf<number>();
    switch (reason) {
      case CallbackReason.RECEIVE:
        expectTypeOf(user).toEqualTypeOf<{ name: string }>();
        expectTypeOf(input).toEqualTypeOf<Buffer>();
        break;
      case CallbackReason.HTTP:
        expectTypeOf(input).toEqualTypeOf<string>();
        break;
      case CallbackReason.CLOSED:
        expectTypeOf(input).toEqualTypeOf<CloseInfo>();
        break;
      case CallbackReason.PROTOCOL_INIT:
        expectTypeOf(user).toEqualTypeOf<undefined>();
        break;
    }
  },
};

const shorter: Protocol = {
  name: "shorter",
  callback(wsi, reason, _user, input) {
    expectTypeOf(wsi).toEqualTypeOf<Wsi<unknown>>();
    if (reason === CallbackReason.RECEIVE) expectTypeOf(input).toEqualTypeOf<Buffer>();
  },
};

describe("the types of a callback", () => {
  it("let protocols with different session types stand in one table", () => {
    const counter: Protocol<number> = { name: "counter", perSessionData: () => 0, callback: () => 0 };
    const table: readonly Protocol[] = [typed, counter, shorter];
    const broadcast = (context: Context) => context.broadcast(typed, "x");
    expect(table).toHaveLength(3);
    expectTypeOf(broadcast).toBeFunction();
  });

  it("name every reason", () => {
    expect(reasonName(CallbackReason.RECEIVE)).toBe("RECEIVE");
    expect(reasonName(1003)).toBe("USER+3");
  });
});
