import { describe, expect, it } from "vitest";
import { type CallbackReason, type Context, DEFAULTS, type Protocol, reasonName } from "../../lib/api.ts";
import { ContextCalls } from "../../lib/engine/context-calls.ts";
import { ProtocolTable } from "../../lib/engine/protocols.ts";

type Answer = (reason: string) => unknown;

/** Calls for a context of protocols that answer so, and what they heard. */
function callsOf(answers: Record<string, Answer>) {
  const heard: string[] = [];
  const protocols = Object.entries(answers).map(
    ([name, answer]): Protocol => ({
      name,
      callback(wsi: { context: Context }, reason: CallbackReason) {
        expect(wsi.context).toBe(context);
        heard.push(`${name} ${reasonName(reason)}`);
        return answer(reasonName(reason));
      },
    }),
  );
  const defaults = { ...DEFAULTS, validateOutgoing: false };
  const quiet = () => {};
  const logger = { error: quiet, warn: quiet, info: quiet, debug: quiet };
  const context = { table: new ProtocolTable(protocols, defaults), logger } as unknown as Context;
  return { heard, calls: new ContextCalls(context as ConstructorParameters<typeof ContextCalls>[0]) };
}

const fine: Answer = () => 0;

describe("the calls for a context", () => {
  it("are PROTOCOL_INIT, EVENT_WAIT_CANCELLED and PROTOCOL_DESTROY of each protocol, in the order of the table", async () => {
    const { heard, calls } = callsOf({ a: fine, b: fine });
    await calls.initialise();
    calls.cancelled();
    calls.ending();
    await calls.destroy();
    const reasons = ["PROTOCOL_INIT", "EVENT_WAIT_CANCELLED", "PROTOCOL_DESTROY"];
    expect(heard).toEqual(reasons.flatMap((reason) => [`a ${reason}`, `b ${reason}`]));
  });

  it.each<[string, Answer, string]>([
    ["returns nonzero", () => 1, 'protocol "b" returned nonzero from PROTOCOL_INIT'],
    ["promises nonzero", async () => 1, 'protocol "b" returned nonzero from PROTOCOL_INIT'],
    [
      "throws",
      () => {
        throw new Error("on purpose");
      },
      'protocol "b" threw in PROTOCOL_INIT',
    ],
  ])(
    "end where a protocol %s: those before it are destroyed, it and those behind it are not",
    async (_how, answer, message) => {
      const { heard, calls } = callsOf({ a: fine, b: answer, c: fine });
      await expect(calls.initialise()).rejects.toMatchObject({ code: "ERR_PROTOCOL_INIT", message });
      calls.ending();
      await calls.destroy();
      expect(heard).toEqual(["a PROTOCOL_INIT", "b PROTOCOL_INIT", "a PROTOCOL_DESTROY"]);
    },
  );

  it("destroy a protocol too whose PROTOCOL_INIT was waited for when the context ended", async () => {
    let go = () => {};
    const { heard, calls } = callsOf({
      a: (reason) => (reason === "PROTOCOL_INIT" ? new Promise<void>((resolve) => (go = resolve)) : 0),
      b: fine,
    });
    const starting = calls.initialise();
    calls.ending();
    await calls.destroy();
    go();
    await expect(starting).rejects.toMatchObject({ code: "ECANCELED" });
    expect(heard).toEqual(["a PROTOCOL_INIT", "a PROTOCOL_DESTROY"]);
  });
});
