import { Duplex } from "node:stream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createEpollLoop } from "../../../lib/loop/epoll/epoll.ts";
import { rounds } from "../../support/raw.ts";
import { drive, put, Recorder, Stage, serviceUntil } from "../recorder.ts";

let stage: Stage;
beforeEach(() => {
  stage = new Stage(createEpollLoop());
});
afterEach(() => stage.loop.close());

/** A stream in memory: `push` is what the peer sends, `written` what it gets. */
class Pipe extends Duplex {
  written = "";
  override _read(): void {}
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written += chunk.toString("latin1");
    done();
  }
}

async function adopted(): Promise<{ pipe: Pipe; peer: Recorder }> {
  const pipe = new Pipe();
  const peer = new Recorder();
  stage.loop.adopt(pipe, undefined, (link) => {
    peer.link = link;
    return peer;
  });
  await serviceUntil(stage.loop, () => peer.link !== undefined);
  return { pipe, peer };
}

test("keeps what an adopted stream tells for the next service call", async () => {
  const { pipe, peer } = await adopted();
  pipe.push("hello");
  pipe.push(null);
  await rounds();
  expect(peer.events).toEqual([]);
  await serviceUntil(stage.loop, () => peer.events.includes("end"));
  expect(peer.events).toEqual(["bytes", "end"]);
});

test("dispatches an adopted stream within the turns of run, and runs its tasks and timers", async () => {
  const { pipe, peer } = await adopted();
  const running = stage.loop.run();
  const told: string[] = [];
  peer.thenBytes = () => {
    stage.loop.soon({ runSoon: () => told.push("soon") });
    const timer = { deadline: 0, timerSlot: -1, onDeadline: () => void told.push("timer") };
    stage.loop.timers.set(timer, stage.loop.now + 5);
    peer.link.requestWritable();
  };
  peer.thenWritable = () => told.push("writable");
  pipe.push("x");
  while (told.length < 3) await new Promise((resolve) => setImmediate(resolve));
  expect(told).toEqual(["writable", "soon", "timer"]);
  await stage.loop.close();
  await running;
  expect(peer.closed).toBe(true);
});

test("writes from a stream's handler to a descriptor's link and back, flushed in the same turn", async () => {
  const { pipe, peer } = await adopted();
  const other = await stage.pair();
  peer.thenBytes = () => put(other.link, "from the stream");
  other.peer.thenBytes = () => put(peer.link, "from the descriptor");
  pipe.push("x");
  await other.client.send("y");
  expect((await drive(stage.loop, other.client.bytes(15))).toString()).toBe("from the stream");
  await serviceUntil(stage.loop, () => pipe.written === "from the descriptor");
});
