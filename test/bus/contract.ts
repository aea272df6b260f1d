import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Bus } from "../../lib/bus/bus.ts";
import { decodeEnvelope, encodeEnvelope, newInstance } from "../../lib/bus/envelope.ts";
import { Recorder } from "./recorder.ts";

/** A channel and the ways onto it. */
export interface Place {
  /** A bus on this channel that nobody has subscribed to yet. */
  bus(): Bus | Promise<Bus>;
  /** Puts bytes on the channel as a stranger would. */
  inject(bytes: Uint8Array): Promise<void> | void;
  close(): Promise<void> | void;
}

const MIB = 1_048_576;

/** What every bus has to do, whichever it is; its test file calls it with a way to make a place. */
export function busContract(name: string, open: () => Place | Promise<Place>): void {
  describe(`the bus of ${name}`, () => {
    let place: Place;
    let buses: Bus[];
    beforeEach(async () => {
      buses = [];
      place = await open();
    });
    afterEach(async () => {
      for (const bus of buses) await bus.close();
      await place.close();
    });

    const unused = async () => {
      const bus = await place.bus();
      buses.push(bus);
      return bus;
    };
    const joined = async () => {
      const bus = await unused();
      const heard = new Recorder();
      await bus.subscribe(heard);
      return { bus, heard };
    };

    describe("a packet", () => deliveryContract(joined, (bytes) => place.inject(bytes)));
    describe("its life", () => lifeContract(joined, unused));
  });
}

type Join = () => Promise<{ bus: Bus; heard: Recorder }>;

function deliveryContract(joined: Join, inject: (bytes: Uint8Array) => Promise<void> | void): void {
  it("reaches every other subscriber, once", async () => {
    const [a, b, c] = [await joined(), await joined(), await joined()];
    a.bus.publish(Buffer.from("from a"));
    expect([await b.heard.texts(1), await c.heard.texts(1)]).toEqual([["from a"], ["from a"]]);
    b.bus.publish(Buffer.from("from b"));
    expect(await c.heard.texts(2)).toEqual(["from a", "from b"]);
    const others = (texts: string[], own: string) => texts.filter((text) => text !== own);
    await a.heard.until(() => a.heard.packets.some((packet) => Buffer.from(packet).toString() === "from b"));
    expect(others(await a.heard.texts(1), "from a")).toEqual(["from b"]);
    expect(others(await b.heard.texts(1), "from b")).toEqual(["from a"]);
  });

  it("keeps its bytes and its boundaries, from none to 1 MiB", async () => {
    const [a, b] = [await joined(), await joined()];
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const large = Buffer.alloc(MIB, all);
    const sent = [all, Buffer.alloc(0), Buffer.from("\r\n"), large, Buffer.alloc(0), Buffer.from([0])];
    for (const packet of sent) a.bus.publish(packet);
    await b.heard.until(() => b.heard.packets.length >= sent.length);
    expect(b.heard.packets.map((packet) => packet.length)).toEqual([256, 0, 2, MIB, 0, 1]);
    expect(b.heard.packets.map((packet, index) => sent[index].equals(packet))).not.toContain(false);
  });

  it("is the view that was given, not the memory around it", async () => {
    const [a, b] = [await joined(), await joined()];
    const around = Buffer.from("before, the packet, behind");
    a.bus.publish(around.subarray(8, 18));
    a.bus.publish(new Uint8Array(around.buffer, around.byteOffset + 8, 3));
    expect(await b.heard.texts(2)).toEqual(["the packet", "the"]);
    for (const packet of b.heard.packets) expect(packet).toBeInstanceOf(Uint8Array);
  });

  it("of one sender arrives behind those before it: 10,000 of two senders at once", async () => {
    const [a, b, c] = [await joined(), await joined(), await joined()];
    const count = 5000;
    for (let number = 0; number < count; number++) {
      a.bus.publish(Buffer.from(`a ${number}`));
      b.bus.publish(Buffer.from(`b ${number}`));
    }
    const texts = await c.heard.texts(2 * count);
    for (const sender of ["a", "b"]) {
      const numbers = texts.filter((text) => text[0] === sender).map((text) => Number(text.slice(2)));
      expect(numbers).toEqual(Array.from({ length: count }, (_, number) => number));
    }
    expect([a.bus.lost, b.bus.lost, c.bus.lost]).toEqual([0, 0, 0]);
  });

  it("of one's own is known by its instance, if it comes back at all", async () => {
    const [a, b] = [await joined(), await joined()];
    const [ofA, ofB] = [newInstance(), newInstance()];
    const envelope = (instance: string) =>
      encodeEnvelope({ instance, sequence: 0, protocol: "chat", data: Buffer.from("x") });
    a.bus.publish(envelope(ofA));
    await b.heard.until(() => b.heard.packets.length > 0);
    b.bus.publish(envelope(ofB));
    const instances = () => a.heard.packets.map((packet) => decodeEnvelope(packet)?.instance);
    await a.heard.until(() => instances().includes(ofB));
    expect(instances().filter((instance) => instance !== ofA)).toEqual([ofB]);
  });

  it("that is garbage is handed over, and is no envelope", async () => {
    const { heard } = await joined();
    for (const garbage of ["", "slce", "\0".repeat(36), "hello"]) await inject(Buffer.from(garbage));
    expect(await heard.texts(4)).toEqual(["", "slce", "\0".repeat(36), "hello"]);
    expect(heard.packets.map(decodeEnvelope)).toEqual([undefined, undefined, undefined, undefined]);
  });
}

function lifeContract(joined: Join, unused: () => Promise<Bus>): void {
  it("begins with subscribe: what is published before goes nowhere", async () => {
    const { bus, heard } = await joined();
    const early = await unused();
    early.publish(Buffer.from("early"));
    const other = new Recorder();
    await early.subscribe(other);
    early.publish(Buffer.from("now"));
    expect(await heard.texts(1)).toEqual(["now"]);
    bus.publish(Buffer.from("answer"));
    await other.until(() => other.packets.some((packet) => Buffer.from(packet).toString() === "answer"));
  });

  it("has one subscriber", async () => {
    const { bus } = await joined();
    await expect(bus.subscribe(new Recorder())).rejects.toThrow("subscribed to once");
  });

  it("ends with close: nothing is heard, nothing is sent, the others go on", async () => {
    const [a, b, c] = [await joined(), await joined(), await joined()];
    for (let number = 0; number < 100; number++) {
      a.bus.publish(Buffer.from("before"));
      if (number === 50) void b.bus.close();
    }
    const closing = a.bus.close();
    a.bus.publish(Buffer.from("behind"));
    await Promise.all([closing, b.bus.close()]);
    const heard = [a.heard.packets.length, b.heard.packets.length];
    a.bus.publish(Buffer.from("behind"));
    const d = await joined();
    c.bus.publish(Buffer.from("from c"));
    expect(await d.heard.texts(1)).toEqual(["from c"]);
    expect([a.heard.packets.length, b.heard.packets.length]).toEqual(heard);
    expect(await c.heard.texts(0)).not.toContain("behind");
    expect([a.heard.states, b.heard.states, c.heard.states]).toEqual([[], [], []]);
  });

  it("ends when what was published has gone out", async () => {
    const [a, b] = [await joined(), await joined()];
    for (let number = 0; number < 100; number++) a.bus.publish(Buffer.alloc(10_000));
    await a.bus.close();
    await b.heard.until(() => b.heard.packets.length === 100);
  });

  it("may be closed before it began, twice, and while it begins", async () => {
    const never = await unused();
    await never.close();
    await never.close();
    await expect(never.subscribe(new Recorder())).rejects.toThrow("subscribed to once");
    const beginning = await unused();
    const heard = new Recorder();
    const outcome = beginning.subscribe(heard).then(
      () => "subscribed",
      () => "refused",
    );
    await beginning.close();
    expect(["subscribed", "refused"]).toContain(await outcome);
    beginning.publish(Buffer.from("behind"));
    expect(heard.states).toEqual([]);
  });
}
