import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { ProcessHub } from "../../lib/bus/process-hub.ts";
import { parentRoom, processBus } from "../../lib/bus/processes.ts";
import { busContract } from "./contract.ts";
import { endChild, PeerProgram, RemoteBus } from "./peers.ts";
import { channelEnds } from "./process-ends.ts";
import { Recorder } from "./recorder.ts";

let program: PeerProgram;
beforeAll(() => {
  program = new PeerProgram();
});
afterAll(() => program.remove());

/** The first bus of a place is the parent's, the others are in children: one child, then two in another. */
busContract("processes", () => {
  const hub = new ProcessHub();
  const children: ChildProcess[] = [];
  let made = 0;
  const addChild = () => {
    const child = program.fork();
    hub.add(child);
    children.push(child);
  };
  return {
    bus: () => {
      if (made++ === 0) return hub.bus();
      if (made !== 4) addChild();
      return new RemoteBus(children.at(-1)!);
    },
    inject: async (bytes) => {
      const stranger = hub.bus();
      await stranger.subscribe(new Recorder());
      stranger.publish(bytes);
      await stranger.close();
    },
    close: async () => {
      for (const child of children) await endChild(child);
    },
  };
});

describe("processBus", () => {
  it("goes down for good when the parent lets go of it", async () => {
    const [parent, child] = channelEnds();
    new ProcessHub().add(parent);
    const room = parentRoom(child);
    const [bus, heard] = [room.bus(), new Recorder()];
    await bus.subscribe(heard);
    parent.disconnect();
    bus.publish(Buffer.from("x"));
    expect([heard.states, heard.errors[0].message, bus.lost]).toEqual([
      ["down"],
      "processBus: the parent process is gone",
      1,
    ]);
    await bus.close();
    expect([child.listenerCount("message"), child.listenerCount("disconnect")]).toEqual([0, 0]);
    await expect(room.bus().subscribe(new Recorder())).rejects.toThrow("that one is gone");
  });

  it("refuses when the parent has no hub for it", async () => {
    vi.useFakeTimers();
    const [, child] = channelEnds();
    const outcome = parentRoom(child)
      .bus()
      .subscribe(new Recorder())
      .catch((error: Error) => error.message);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await outcome).toBe("processBus: no ProcessHub of the parent process has this child");
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  it("lets a child end that has closed it and waits for no messages", async () => {
    const hub = new ProcessHub();
    const child = program.fork();
    hub.add(child);
    const ended = once(child, "exit");
    const bus = new RemoteBus(child);
    await bus.subscribe(new Recorder());
    await bus.close();
    child.send({ ask: "end" });
    expect(await ended).toEqual([0, null]);
    expect(hub.size).toBe(0);
  });

  it("refuses a channel that would make text of bytes", async () => {
    const hub = new ProcessHub();
    const child = program.fork("json");
    hub.add(child);
    await expect(new RemoteBus(child).subscribe(new Recorder())).rejects.toThrow('serialization: "advanced"');
    await endChild(child);
  });

  it("makes a bus without a parent, too: only subscribe needs one", async () => {
    const bus = processBus();
    expect([bus.name, bus.lost]).toEqual(["processes", 0]);
    await bus.close();
  });
});
