import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeEnvelope, newInstance } from "../../lib/bus/envelope.ts";
import type { BusStats } from "../../lib/index.ts";
import { Broker } from "../bus/broker.ts";
import { stopPrograms } from "../support/program.ts";
import { type LoopName, loops } from "../support/server.ts";
import { type Kind, kinds } from "./brokers.ts";
import { Crowd, type Listener } from "./crowd.ts";
import { Tree } from "./tree.ts";

const CHANNEL = "trees.test";
/** At the start, in both trees together. */
const SESSIONS = 600;
const PROCESSES = 3;
/** Messages of each sender in a round. */
const EACH = 10;

/** Two trees at one broker, as two machines have them, their clients, and a stranger who publishes too. */
class World {
  readonly kind: Kind;
  readonly broker: Broker;
  readonly trees: readonly Tree[];
  readonly crowd: Crowd;
  readonly #stranger = newInstance();
  #strangersPackets = 0;
  #rounds = 0;
  /** What the stranger has published that is to be dropped by all. */
  garbage = 0;

  private constructor(kind: Kind, broker: Broker, trees: readonly Tree[], crowd: Crowd) {
    this.kind = kind;
    this.broker = broker;
    this.trees = trees;
    this.crowd = crowd;
  }

  static async start(kind: Kind, broker: Broker, eventLoop: LoopName): Promise<World> {
    const address = kind.address(broker.port);
    const options = { eventLoop, processes: PROCESSES, broker: kind.name, address, channel: CHANNEL };
    const trees = await Promise.all([Tree.start(options), Tree.start(options)]);
    const crowd = await Crowd.start(eventLoop);
    const urls = Array.from({ length: SESSIONS }, (_, i) => trees[i % 2].url);
    await Promise.all(urls.map((url) => crowd.open(url)));
    for (const tree of trees) await everyChildServes(tree, crowd);
    return new World(kind, broker, trees, crowd);
  }

  get listeners(): readonly Listener[] {
    return this.crowd.listeners;
  }

  nextRound(): string {
    return `round-${this.#rounds++}`;
  }

  /** Who can speak: the parents, and the children by one of their sessions. */
  async speakers(): Promise<Speakers> {
    const speakers: Speakers = new Map();
    for (const tree of this.trees) {
      speakers.set(`${tree.pid}`, tree);
      for (const pid of await tree.pids()) speakers.set(`${pid}`, this.crowd.of(pid)!);
    }
    return speakers;
  }

  /** The stranger publishes garbage, and behind it a message that is well made. */
  async disturb(round: string): Promise<void> {
    const message = (text: string, protocol = "room") =>
      encodeEnvelope({
        instance: this.#stranger,
        sequence: this.#strangersPackets++,
        protocol,
        data: Buffer.from(text),
      });
    const good = message(`${round} stranger 0`);
    const version2 = Buffer.from(good);
    version2[4] = 2;
    const noise = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * i + this.#rounds) % 251));
    const bad = [Buffer.from("{}"), noise, good.subarray(0, -1), version2, message("x", "unknown")];
    await this.kind.publish(this.broker.port, CHANNEL, [...bad, good]);
    this.garbage += bad.length;
  }

  /** A round in which everything works: each session hears each message once, and each sender's in order. */
  async fullRound(): Promise<void> {
    const round = this.nextRound();
    const speakers = await this.speakers();
    speak(speakers, round, 0, EACH);
    await this.disturb(round);
    const names = [...speakers.keys()];
    const expected = [...names.map((name) => series(round, name, EACH)), series(round, "stranger", 1)];
    for (const listener of this.listeners) await expectHeard(listener, round, expected);
  }

  /** What every process knows of the bus, as soon as it has heard all of the garbage. */
  async stats(garbage = 0): Promise<BusStats[]> {
    const children = (await Promise.all(this.trees.map((tree) => tree.pids()))).flat();
    const processes = [...this.trees, ...children.map((pid) => this.crowd.of(pid)!)];
    return Promise.all(
      processes.map(async (each) => {
        for (;;) {
          const stats = await each.stats();
          if (stats.dropped >= garbage) return stats;
        }
      }),
    );
  }

  async destroy(): Promise<void> {
    await this.crowd.destroy();
    const codes = await Promise.all(this.trees.map((tree) => tree.destroy()));
    expect(codes).toEqual([0, 0]);
  }
}

/** Opens more sessions until each child serves some: which one a newcomer gets is up to the system. */
async function everyChildServes(tree: Tree, crowd: Crowd): Promise<void> {
  const pids = await tree.pids();
  for (let i = 0; i < 25; i++) {
    if (pids.every((pid) => crowd.of(pid))) return;
    await Promise.all(Array.from({ length: 20 }, () => crowd.open(tree.url)));
  }
  throw new Error(`none of 500 sessions went to one of ${pids}`);
}

/** By the ids of their processes. */
type Speakers = Map<string, { say(text: string): void }>;

/** Each of them broadcasts the messages of a round with these numbers. */
function speak(speakers: Speakers, round: string, from: number, to: number): void {
  for (let number = from; number < to; number++)
    for (const [name, speaker] of speakers) speaker.say(`${round} ${name} ${number}`);
}

const series = (round: string, sender: string, count: number) =>
  Array.from({ length: count }, (_, number) => `${round} ${sender} ${number}`);
const senderOf = (message: string) => message.split(" ")[1];
const from = (sender: string, messages: readonly string[]) =>
  messages.filter((message) => senderOf(message) === sender);

/** Waits for these series, each of one sender, and finds nothing else in the round. */
async function expectHeard(listener: Listener, round: string, expected: readonly string[][]): Promise<void> {
  const count = expected.flat().length;
  await listener.until(() => listener.heard(round).length >= count);
  const heard = listener.heard(round);
  for (const each of expected) expect(from(senderOf(each[0]), heard)).toEqual(each);
  expect(heard).toHaveLength(count);
}

/** Some may be missing, none may have come twice, and none before one that was sent earlier. */
function expectAtMostOnce(messages: readonly string[]): void {
  for (const sender of new Set(messages.map(senderOf))) {
    const numbers = from(sender, messages).map((message) => Number(message.split(" ")[2]));
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  }
}

// The node loop has the same buses: once is enough for it.
const cases = kinds.flatMap((kind) =>
  loops
    .filter((loop) => loop === "epoll" || kind.name === "redis" || loops.length === 1)
    .map((loop): [string, LoopName, Kind] => [`${kind.name}${kind.missing}`, loop, kind]),
);

describe.each(cases)("two process trees at %s, on the %s loop", (_, loop, kind) => {
  // Those that come later go on where the earlier ones left the world.
  describe.skipIf(kind.missing !== "")("that are one service", () => {
    let broker: Broker | undefined;
    let world: World;
    beforeAll(async () => {
      broker = await Broker.start(kind.program);
      world = await World.start(kind, broker, loop);
    });
    afterAll(async () => {
      try {
        await world?.destroy();
      } finally {
        await stopPrograms();
        await broker?.close();
      }
    });

    it("give each session each message of every process once, and in order, whatever a stranger publishes", async () => {
      expect(new Set(world.listeners.map(({ pid }) => pid)).size).toBe(2 * PROCESSES);
      expect(world.listeners.length).toBeGreaterThanOrEqual(SESSIONS);
      for (let i = 0; i < 3; i++) await world.fullRound();
      for (const stats of await world.stats(world.garbage)) {
        expect(stats).toMatchObject({ up: true, dropped: world.garbage, lost: 0 });
      }
    }, 20_000);

    it("lose a child's own sessions with it and no others, and those come back", async () => {
      const [tree] = world.trees;
      const [victim] = await tree.pids();
      const [its, others] = [true, false].map((is) =>
        world.listeners.filter(({ pid }) => (pid === victim) === is),
      );
      const start = tree.output.length;
      const round = world.nextRound();
      const speakers = await world.speakers();
      speakers.delete(`${victim}`);
      speak(speakers, round, 0, EACH);
      process.kill(victim, "SIGKILL");
      await Promise.all(its.map((each) => each.until(() => each.lost.length === 1)));
      speak(speakers, round, EACH, 2 * EACH);
      const expected = [...speakers.keys()].map((name) => series(round, name, 2 * EACH));
      for (const listener of others) await expectHeard(listener, round, expected);
      await Promise.all(its.map((each) => each.until(() => each.pid > 0)));
      await tree.prints(/^child \d \(process \d+\) serves/m, start);
      expect(await tree.pids()).not.toContain(victim);
      await everyChildServes(tree, world.crowd);
      await world.fullRound();
      expect(its.map(({ lost }) => lost)).toEqual(its.map(() => [1006]));
      expect(others.filter(({ lost }) => lost.length > 0)).toEqual([]);
      for (const listener of its) expectAtMostOnce(listener.heard(round));
    }, 20_000);

    it("speak each to its own sessions while the broker is away, and to all when it is back", async () => {
      const starts = world.trees.map((tree) => tree.output.length);
      const states = (state: "up" | "down") =>
        Promise.all(world.trees.map((tree, i) => tree.bus(state, starts[i])));
      const cut = world.nextRound();
      const speakers = await world.speakers();
      speak(speakers, cut, 0, EACH);
      await world.broker.kill();
      await states("down");
      const away = world.nextRound();
      speak(speakers, away, 0, EACH);
      for (const listener of world.listeners) {
        const own = `${listener.pid}`;
        await expectHeard(listener, away, [series(away, own, EACH)]);
        expect(from(own, listener.heard(cut))).toEqual(series(cut, own, EACH));
      }
      await world.broker.start();
      await states("up");
      for (let i = 0; i < 2; i++) await world.fullRound();
      for (const listener of world.listeners) {
        expect(listener.heard(away)).toHaveLength(EACH);
        expectAtMostOnce(listener.heard(cut));
      }
      for (const { up, lost } of await world.stats()) {
        expect(up).toBe(true);
        expect(lost).toBeGreaterThanOrEqual(EACH);
      }
    }, 20_000);

    it("have told nobody anything twice", () => {
      for (const { all } of world.listeners) expect(new Set(all).size).toBe(all.length);
    });
  });
});
