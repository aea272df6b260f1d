import { parentPort, workerData } from "node:worker_threads";
import type { Bus } from "../../lib/bus/bus.ts";
import { processBus } from "../../lib/bus/processes.ts";
import { workerBus } from "../../lib/bus/workers.ts";

/*
 * A bus in a process or a thread of its own, driven from the test: it does what it is asked for, and tells what it hears.
 * Asking goes over the same channel that `processBus` uses, as the messages of an application do.
 */

type Ask =
  | { ask: "end" }
  | { ask: "new" | "subscribe" | "close"; bus: number }
  | { ask: "publish"; bus: number; packet: Uint8Array };

const port = parentPort;
const post = (message: object) => {
  if (port === null) process.send!(message);
  else port.postMessage(message);
};
const buses = new Map<number, Bus>();

async function answer(ask: Exclude<Ask, { ask: "end" }>): Promise<void> {
  if (ask.ask === "new")
    buses.set(ask.bus, port === null ? processBus() : workerBus({ channel: workerData }));
  const bus = buses.get(ask.bus)!;
  const lost = () => bus.lost ?? 0;
  if (ask.ask === "publish") bus.publish(ask.packet);
  else if (ask.ask === "close") await bus.close();
  else if (ask.ask === "subscribe") {
    await bus.subscribe({
      onPacket: (packet) => post({ bus: ask.bus, packet: new Uint8Array(packet) }),
      onState: (state, error) => post({ bus: ask.bus, state, error: error?.message }),
      onLoss: (packets, error) => post({ bus: ask.bus, lost: lost(), packets, error: error.message }),
    });
  }
}

const onMessage = (message: unknown) => {
  const ask = message as Ask;
  if (typeof ask?.ask !== "string") return;
  if (ask.ask === "end") {
    process.off("message", onMessage);
    return;
  }
  answer(ask).then(
    () => ask.ask !== "publish" && post({ bus: ask.bus, done: ask.ask }),
    (error: Error) => post({ bus: ask.bus, done: ask.ask, refusal: error.message }),
  );
};
if (port === null) process.on("message", onMessage);
else port.on("message", onMessage);
