import { describe, expect, it } from "vitest";
import { localBus } from "../../lib/bus/local.ts";
import { busContract } from "./contract.ts";
import { Recorder } from "./recorder.ts";

let places = 0;

busContract("one thread", () => {
  const channel = `place ${places++}`;
  return {
    bus: () => localBus({ channel }),
    inject: async (bytes) => {
      const stranger = localBus({ channel });
      await stranger.subscribe(new Recorder());
      stranger.publish(bytes);
      await stranger.close();
    },
    close: () => {},
  };
});

describe("localBus", () => {
  it("keeps channels apart, and has one of its own when none is named", async () => {
    const heard = new Recorder();
    const [listener, same, other] = [
      localBus(),
      localBus({ channel: "sluice" }),
      localBus({ channel: "other" }),
    ];
    await listener.subscribe(heard);
    for (const bus of [same, other]) await bus.subscribe(new Recorder());
    other.publish(Buffer.from("other"));
    same.publish(Buffer.from("same"));
    expect(await heard.texts(1)).toEqual(["same"]);
    for (const bus of [listener, same, other]) await bus.close();
  });

  it("does not call anybody from inside of publish", async () => {
    const heard = new Recorder();
    const [listener, sender] = [localBus(), localBus()];
    await listener.subscribe(heard);
    await sender.subscribe(new Recorder());
    sender.publish(Buffer.from("x"));
    expect(heard.packets).toEqual([]);
    await listener.close();
    expect(heard.packets).toEqual([]);
    await sender.close();
  });

  it.each([
    [{ channel: "" }, "channel"],
    [{ channel: 5 as unknown as string }, "channel"],
    [{ chanel: "x" } as object, "chanel"],
    [null as unknown as object, "options"],
  ])("refuses %j by the name of the option", (options, option) => {
    expect(() => localBus(options)).toThrow(TypeError);
    expect(() => localBus(options)).toThrow(option);
  });
});
