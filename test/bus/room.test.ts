import { describe, expect, it } from "vitest";
import { type Beyond, Room } from "../../lib/bus/room.ts";
import { Recorder } from "./recorder.ts";

/** What is beyond a room, written down. */
class Outside implements Beyond {
  readonly log: string[] = [];
  fails: Error | null = null;

  async open(): Promise<void> {
    this.log.push("open");
    if (this.fails !== null) throw this.fails;
  }

  send(packet: Uint8Array): void {
    this.log.push(`send ${Buffer.from(packet)}`);
  }

  async sent(): Promise<void> {}

  close(): void {
    this.log.push("close");
  }
}

async function seats(room: Room, count: number) {
  const taken = Array.from({ length: count }, () => ({ bus: room.bus(), heard: new Recorder() }));
  for (const { bus, heard } of taken) await bus.subscribe(heard);
  return taken;
}

describe("Room", () => {
  it("opens what is beyond with the first bus, and closes it with the last", async () => {
    const outside = new Outside();
    const [a, b] = await seats(new Room("a room", outside), 2);
    await a.bus.close();
    expect(outside.log).toEqual(["open"]);
    await b.bus.close();
    await b.bus.close();
    expect(outside.log).toEqual(["open", "close"]);
  });

  it("gives a packet to the other buses, and to what is beyond once", async () => {
    const outside = new Outside();
    const [a, b, c] = await seats(new Room("a room", outside), 3);
    a.bus.publish(Buffer.from("hi"));
    expect([await b.heard.texts(1), await c.heard.texts(1)]).toEqual([["hi"], ["hi"]]);
    expect([a.heard.packets, outside.log]).toEqual([[], ["open", "send hi"]]);
  });

  it("gives what comes from beyond to all, with losses and the end of it", async () => {
    const room = new Room("a room", new Outside());
    const all = await seats(room, 2);
    room.deliver(Buffer.from("news"));
    room.lose(3, new Error("lost"));
    room.down(new Error("the end"));
    for (const { bus, heard } of all) {
      expect([await heard.texts(1), heard.states, heard.lost, bus.lost]).toEqual([["news"], ["down"], 3, 3]);
    }
  });

  it("takes nobody in once what is beyond has gone, until it is opened anew", async () => {
    const room = new Room("a room", new Outside());
    const [first] = await seats(room, 1);
    room.down(new Error("the end"));
    await expect(room.bus().subscribe(new Recorder())).rejects.toThrow("the end");
    await first.bus.close();
    await seats(room, 1);
  });

  it("tells all who wait when what is beyond cannot be opened, and tries again for the next", async () => {
    const outside = new Outside();
    outside.fails = new Error("nobody there");
    const room = new Room("a room", outside);
    const outcomes = [room.bus(), room.bus()].map((bus) =>
      bus.subscribe(new Recorder()).catch((error: Error) => error.message),
    );
    expect(await Promise.all(outcomes)).toEqual(["nobody there", "nobody there"]);
    outside.fails = null;
    await seats(room, 1);
    expect(outside.log).toEqual(["open", "close", "open"]);
  });
});
