import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { errorCode } from "../../lib/base/errors.ts";
import { ProcessHub } from "../../lib/bus/process-hub.ts";
import { parentRoom } from "../../lib/bus/processes.ts";
import { endChild, PeerProgram, RemoteBus } from "./peers.ts";
import { channelEnds } from "./process-ends.ts";
import { Recorder } from "./recorder.ts";

/** A child of a hub, in this process. */
async function childOf(hub: ProcessHub) {
  const [parent, child] = channelEnds();
  hub.add(parent);
  const [bus, heard] = [parentRoom(child).bus(), new Recorder()];
  await bus.subscribe(heard);
  return { parent, child, bus, heard };
}

describe("ProcessHub", () => {
  it("sends nothing to a child before it subscribes and after it has left", async () => {
    const hub = new ProcessHub();
    const sender = hub.bus();
    await sender.subscribe(new Recorder());
    const [parent, child] = channelEnds();
    let messages = 0;
    child.on("message", () => messages++);
    hub.add(parent);
    sender.publish(Buffer.from("early"));
    const bus = parentRoom(child).bus();
    await bus.subscribe(new Recorder());
    await bus.close();
    await Promise.resolve();
    sender.publish(Buffer.from("late"));
    await Promise.resolve();
    // Only the answer to its subscription.
    expect([messages, hub.lost]).toEqual([1, 0]);
  });

  it("forgets a child whose channel ends", async () => {
    const hub = new ProcessHub();
    const { parent, bus } = await childOf(hub);
    hub.add(parent);
    expect(hub.size).toBe(1);
    parent.disconnect();
    expect([hub.size, parent.listenerCount("message"), parent.listenerCount("disconnect")]).toEqual([
      0, 0, 0,
    ]);
    await bus.close();
  });

  it("leaves the messages of the application alone", async () => {
    const hub = new ProcessHub();
    const { child, heard, bus } = await childOf(hub);
    const other = await childOf(hub);
    for (const message of ["text", { packet: "x" }, { "sluice:bus": "packet", packet: "x" }])
      child.send(message as object, undefined, undefined, () => {});
    bus.publish(Buffer.from("x"));
    expect(await other.heard.texts(1)).toEqual(["x"]);
    expect(heard.packets).toEqual([]);
  });

  it.each([
    [{ maxBacklog: -1 }, "maxBacklog"],
    [{ onLoss: "x" as unknown as () => void }, "onLoss"],
    [{ limit: 5 } as object, "limit"],
  ])("refuses %j by the name of the option", (options, option) => {
    expect(() => new ProcessHub(options)).toThrow(TypeError);
    expect(() => new ProcessHub(options)).toThrow(option);
  });

  it("refuses a child without a channel", () => {
    const [parent] = channelEnds();
    const deaf = Object.assign(Object.create(parent), { send: undefined });
    expect(() => new ProcessHub().add(deaf)).toThrow(
      new TypeError("ProcessHub.add: the child has no IPC channel"),
    );
  });
});

describe("a child that does not read", () => {
  let program: PeerProgram;
  beforeEach(() => {
    program = new PeerProgram();
  });
  afterEach(() => {
    vi.useRealTimers();
    program.remove();
  });

  it("loses what is above maxBacklog; the others get all, and it goes on when it reads again", async () => {
    const losses: string[] = [];
    const hub = new ProcessHub({
      maxBacklog: 1_048_576,
      onLoss: (_, error) => losses.push(errorCode(error)),
    });
    const children = [program.fork(), program.fork()];
    const heard = children.map(() => new Recorder());
    for (const [index, child] of children.entries()) {
      hub.add(child);
      await new RemoteBus(child).subscribe(heard[index]);
    }
    const sender = hub.bus();
    await sender.subscribe(new Recorder());
    children[0].kill("SIGSTOP");
    for (let number = 0; number < 100; number++) {
      sender.publish(Buffer.alloc(65_536, number));
      await heard[1].until(() => heard[1].packets.length === number + 1);
    }
    // Its pipe and its backlog have taken some.
    expect(hub.lost).toBeGreaterThan(50);
    expect(hub.lost).toBeLessThan(100);
    expect(losses[0]).toBe("ENOBUFS");
    children[0].kill("SIGCONT");
    await heard[0].until(() => heard[0].packets.length === 100 - hub.lost);
    sender.publish(Buffer.from("again"));
    await heard[0].until(() => Buffer.from(heard[0].packets.at(-1)!).toString() === "again");
    expect(heard[0].packets).toHaveLength(101 - hub.lost);
    for (const child of children) await endChild(child);
  });
});
