import { execFileSync } from "node:child_process";
import { BroadcastChannel, type Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { workerBus } from "../../lib/bus/workers.ts";
import { busContract } from "./contract.ts";
import { PeerProgram, RemoteBus } from "./peers.ts";
import { Recorder } from "./recorder.ts";

let program: PeerProgram;
let places = 0;
beforeAll(() => {
  program = new PeerProgram();
});
afterAll(() => program.remove());

/** The first bus of a place is in this thread, the others are in workers, two in each. */
busContract("threads", () => {
  const channel = `place ${places++}`;
  const workers: Worker[] = [];
  let made = 0;
  return {
    bus: () => {
      if (made++ === 0) return workerBus({ channel });
      if (made % 2 === 0) workers.push(program.work(channel));
      return new RemoteBus(workers.at(-1)!);
    },
    inject: (bytes) => {
      const stranger = new BroadcastChannel(`sluice:${channel}`);
      stranger.postMessage(new Uint8Array(bytes));
      stranger.close();
    },
    close: async () => {
      for (const worker of workers) await worker.terminate();
    },
  };
});

describe("workerBus", () => {
  it("leaves alone what is no packet", async () => {
    const [bus, heard] = [workerBus({ channel: "odd" }), new Recorder()];
    await bus.subscribe(heard);
    const stranger = new BroadcastChannel("sluice:odd");
    for (const odd of ["text", 5, null, { packet: "x" }]) stranger.postMessage(odd);
    stranger.postMessage(Buffer.from("bytes"));
    expect(await heard.texts(1)).toHaveLength(1);
    stranger.close();
    await bus.close();
  });

  it("does not keep a process running", () => {
    const file = program.file.replace("test/bus/peer.js", "lib/bus/workers.js");
    const script = `
      import { workerBus } from ${JSON.stringify(`file://${file}`)};
      await workerBus().subscribe({ onPacket() {}, onState() {} });
      console.log("subscribed");`;
    const said = execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
    expect(said).toBe("subscribed\n");
  });

  it.each([
    [{ channel: "" }, "channel"],
    [{ name: "x" } as object, "name"],
  ])("refuses %j by the name of the option", (options, option) => {
    expect(() => workerBus(options)).toThrow(TypeError);
    expect(() => workerBus(options)).toThrow(option);
  });
});
