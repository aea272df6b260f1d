import { describe, expect, it } from "vitest";
import { errorCode } from "../../lib/base/errors.ts";
import { isBytes, NotePipe, readNote } from "../../lib/bus/ipc.ts";
import { channelEnds } from "./process-ends.ts";

describe("readNote", () => {
  it.each([undefined, null, 5, "text", {}, [], { packet: Buffer.from("x") }, { "sluice:bus": 1 }])(
    "leaves a message of the application alone: %j",
    (message) => {
      expect(readNote(message)).toBeUndefined();
    },
  );

  it("reads what NotePipe sends", async () => {
    const [parent, child] = channelEnds();
    const notes: unknown[] = [];
    child.on("message", (message) => notes.push(readNote(message)));
    const pipe = new NotePipe(parent, "a bus", 1000, () => {});
    pipe.note("joined");
    pipe.packet(Buffer.from("x"));
    await Promise.resolve();
    expect(notes).toEqual([
      { kind: "joined", packet: new Uint8Array(0) },
      { kind: "packet", packet: new Uint8Array([0x78]) },
    ]);
  });
});

describe("isBytes", () => {
  it("tells bytes from what JSON makes of them", () => {
    const bytes = Buffer.from("x");
    expect([isBytes(bytes), isBytes(new Uint8Array(1))]).toEqual([true, true]);
    expect([isBytes(JSON.parse(JSON.stringify(bytes))), isBytes(undefined)]).toEqual([false, false]);
  });
});

describe("NotePipe", () => {
  const piped = () => {
    const [parent, child] = channelEnds();
    const lost: string[] = [];
    const pipe = new NotePipe(parent, "a bus", 600, (packets, error) =>
      lost.push(`${packets} ${errorCode(error)}`),
    );
    return { parent, child, lost, pipe };
  };

  it("loses what the other side has no room for, and goes on when it reads", async () => {
    const { child, lost, pipe } = piped();
    let arrived = 0;
    child.on("message", () => arrived++);
    child.isReading = false;
    for (let number = 0; number < 5; number++) pipe.packet(Buffer.from("x"));
    expect(lost).toEqual(Array(3).fill("1 ENOBUFS"));
    child.read();
    pipe.packet(Buffer.from("x"));
    await Promise.resolve();
    expect([arrived, lost.length]).toEqual([3, 3]);
  });

  it("loses packets of a channel that is closed, and no room with them", () => {
    const { parent, lost, pipe } = piped();
    parent.disconnect();
    for (let number = 0; number < 5; number++) pipe.packet(Buffer.from("x"));
    pipe.note("leave");
    expect(lost).toEqual(Array(5).fill("1 ENOTCONN"));
  });
});
