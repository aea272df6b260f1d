import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { errorCode } from "../../lib/base/errors.ts";
import type { Bus } from "../../lib/bus/bus.ts";
import { freePort } from "../support/free-port.ts";
import { checkLeaks } from "../support/leaks.ts";
import { Broker, isInstalled, type Program } from "./broker.ts";
import { busContract } from "./contract.ts";
import { Recorder } from "./recorder.ts";

interface BrokerOptions {
  maxBacklog?: number;
  client?: Readonly<Record<string, unknown>>;
}

export interface BrokerBackend {
  name: string;
  program: Program;
  /** A bus of a channel, at the broker of a port. */
  bus(port: number, channel: string, options?: BrokerOptions): Bus;
  /** What makes the package ask after a tenth of a second of silence, not after ten. */
  impatient: Readonly<Record<string, unknown>>;
  /** Publishes with the bare package. */
  inject(port: number, channel: string, bytes: Uint8Array): Promise<void>;
  /** The option that tells where the broker is. */
  address: string;
}

/** What a bus does whose broker is a program of its own: all that any bus does, and the rest when that is away. */
export function brokerContract(backend: BrokerBackend): void {
  const { program } = backend;
  const why = isInstalled(program) ? "" : ` (skipped: ${program.command} is not installed)`;
  describe.skipIf(why !== "")(`${program.command}${why}`, () => {
    checkLeaks();
    let shared: Broker;
    let channels = 0;
    beforeAll(async () => {
      shared = await Broker.start(program);
    });
    afterAll(() => shared.close());

    busContract(backend.name, () => {
      const channel = `contract-${channels++}`;
      return {
        bus: () => backend.bus(shared.port, channel),
        inject: (bytes) => backend.inject(shared.port, channel, bytes),
        close: () => {},
      };
    });
    describe("that ends, and begins again", () => absenceContract(backend));
    describe("that does not answer for a while", () => silenceContract(backend));
    describe("that does not answer any more", () => deafnessContract(backend));
  });
  describe("no broker", () => unreachableContract(backend));
}

interface Pair {
  broker: Broker;
  buses: Bus[];
  heard: Recorder[];
}

/** Two buses at a broker of their own, for each test. */
function withPair(backend: BrokerBackend, options?: BrokerOptions): () => Pair {
  let pair: Pair;
  beforeEach(async () => {
    const broker = await Broker.start(backend.program);
    const buses = [0, 1].map(() => backend.bus(broker.port, "pair", options));
    pair = { broker, buses, heard: buses.map(() => new Recorder()) };
    for (const [index, bus] of buses.entries()) await bus.subscribe(pair.heard[index]);
  });
  afterEach(async () => {
    for (const bus of pair.buses) await bus.close();
    await pair.broker.close();
  });
  return () => pair;
}

function absenceContract(backend: BrokerBackend): void {
  const pair = withPair(backend);

  it("is told of, once each way, and later packets arrive", async () => {
    const { broker, buses, heard } = pair();
    for (const round of [1, 2]) {
      await broker.kill();
      for (const each of heard) await each.until(() => each.states.length === 2 * round - 1);
      await broker.start();
      for (const each of heard) await each.until(() => each.states.length === 2 * round);
      buses[0].publish(Buffer.from(`round ${round}`));
      expect((await heard[1].texts(round)).at(-1)).toBe(`round ${round}`);
    }
    for (const each of heard) {
      expect(each.states).toEqual(["down", "up", "down", "up"]);
      expect(each.errors.map((error) => error.message)).toEqual([
        expect.stringContaining(String(broker.port)),
        expect.stringContaining(String(broker.port)),
      ]);
    }
  });

  it("costs what is published meanwhile, which is counted and told", async () => {
    const { broker, buses, heard } = pair();
    await broker.kill();
    await heard[0].until(() => heard[0].states.length === 1);
    for (let number = 0; number < 5; number++) buses[0].publish(Buffer.from("lost"));
    expect(buses[0].lost).toBe(5);
    expect(heard[0].lost).toBe(1);
    expect(errorCode(heard[0].errors.at(-1))).toBe("ENOTCONN");
    await broker.start();
    for (const each of heard) await each.until(() => each.states.length === 2);
    buses[0].publish(Buffer.from("there"));
    expect(await heard[1].texts(1)).toEqual(["there"]);
  });

  it("does not keep a bus from closing", async () => {
    const { broker, buses, heard } = pair();
    await broker.kill();
    for (const each of heard) await each.until(() => each.states.length === 1);
    for (const bus of buses) await bus.close();
    await broker.start();
    expect(heard.map((each) => each.states)).toEqual([["down"], ["down"]]);
    // All that was lost is told by then.
    expect(heard.map((each) => each.lost)).toEqual(buses.map((bus) => bus.lost));
  });
}

function silenceContract(backend: BrokerBackend): void {
  const pair = withPair(backend, { maxBacklog: 1_048_576 });

  it("gets no more than maxBacklog; the rest is lost, and counted", async () => {
    const { broker, buses, heard } = pair();
    broker.pause();
    for (let number = 0; number < 64; number++) buses[0].publish(Buffer.alloc(65_536, number));
    // 15 times 65,536 and 256 is the most below 1 MiB.
    expect(buses[0].lost).toBe(49);
    expect(errorCode(heard[0].errors[0])).toBe("ENOBUFS");
    broker.resume();
    await heard[1].until(() => heard[1].packets.length === 15);
    expect(heard[1].packets.map((packet) => packet[0])).toEqual(Array.from({ length: 15 }, (_, n) => n));
    // There is room again as soon as the broker has answered.
    while (buses[0].lost === 49 && heard[1].packets.length < 17) {
      buses[0].publish(Buffer.from("room"));
      const before = heard[1].packets.length;
      await heard[1].until(() => heard[1].packets.length > before);
    }
    expect(buses[0].lost).toBe(49);
  });
}

function deafnessContract(backend: BrokerBackend): void {
  const pair = withPair(backend, { client: backend.impatient });

  it("is given up, and found again when it answers", async () => {
    const { broker, buses, heard } = pair();
    broker.pause();
    for (const each of heard) await each.until(() => each.states.length === 1);
    broker.resume();
    for (const each of heard) await each.until(() => each.states.length === 2);
    buses[0].publish(Buffer.from("there"));
    expect(await heard[1].texts(1)).toEqual(["there"]);
    expect(heard.map((each) => each.states)).toEqual([
      ["down", "up"],
      ["down", "up"],
    ]);
  });
}

function unreachableContract(backend: BrokerBackend): void {
  checkLeaks();

  it("is a rejection that names the option and the address, and leaves nothing open", async () => {
    const port = await freePort();
    const bus = backend.bus(port, "nowhere");
    const heard = new Recorder();
    await expect(bus.subscribe(heard)).rejects.toThrow(
      new RegExp(`cannot connect to ${backend.address} .*127\\.0\\.0\\.1:${port}: .`),
    );
    bus.publish(Buffer.from("x"));
    await bus.close();
    expect([heard.states, heard.lost]).toEqual([[], 0]);
  });

  it("that takes the connection and hangs up is one too", async () => {
    await withListener(
      (socket) => socket.destroy(),
      async (port) => {
        const bus = backend.bus(port, "nowhere");
        await expect(bus.subscribe(new Recorder())).rejects.toThrow(`cannot connect to ${backend.address}`);
        await bus.close();
      },
    );
  });

  it("that speaks another language is one too", async () => {
    await withListener(
      (socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"),
      async (port) => {
        const bus = backend.bus(port, "nowhere");
        await expect(bus.subscribe(new Recorder())).rejects.toThrow(`cannot connect to ${backend.address}`);
        await bus.close();
      },
    );
  });
}

async function withListener(
  onSocket: (socket: Socket) => void,
  use: (port: number) => Promise<void>,
): Promise<void> {
  const server: Server = createServer((socket) => {
    socket.on("error", () => {}).resume();
    onSocket(socket);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    await use((server.address() as AddressInfo).port);
  } finally {
    server.close();
    await once(server, "close");
  }
}
