import { afterEach, describe, expect, it } from "vitest";
import { stopPrograms } from "../support/program.ts";
import { loops } from "../support/server.ts";
import { Forked, isAlive, Session } from "./forked.ts";

afterEach(stopPrograms);

describe.each(loops)("the children, on the %s loop", (eventLoop) => {
  it("are drained by destroy: 1001 for each session, no process and no socket left", async () => {
    const forked = await Forked.start({ eventLoop });
    const pids = await forked.pids();
    const sessions = await forked.sessions(30);
    forked.write("destroy");
    for (const session of sessions) expect(await session.closed).toBe(1001);
    await forked.prints(/^destroyed$/m);
    expect(pids.filter(isAlive)).toEqual([]);
    for (const place of [0, 1, 2]) expect(forked.output).toContain(`child ${place} is done`);
    expect(forked.output).toMatch(/^left: $/m);
    await expect(Session.open(forked.url)).rejects.toThrow("ECONNREFUSED");
    expect(forked.output).not.toMatch(/^(warn|error):/m);
    expect(await forked.ended()).toBe(0);
  });

  it("leave a port that takes nobody while they drain", async () => {
    const forked = await Forked.start({ eventLoop, processes: 1, timeouts: { drain: 2000 } });
    const [session, silent] = await forked.sessions(2);
    silent.stall();
    forked.write("destroy");
    expect(await session.closed).toBe(1001);
    await expect(Session.open(forked.url)).rejects.toThrow("ECONNREFUSED");
    expect(forked.output).not.toMatch(/^destroyed$/m);
    await forked.prints(/^destroyed$/m);
  });

  it("are killed when they do not end in time", async () => {
    const forked = await Forked.start({ eventLoop, processes: 2, timeouts: { drain: 100 } });
    const [session] = await forked.sessions(1);
    session.say("block");
    await forked.answer("destroy", /^destroyed$/m);
    expect(await session.closed).toBe(1006);
    expect(forked.output).toContain(`(process ${session.pid}) has not ended in 5100 ms and is killed`);
    expect(await forked.ended()).toBe(0);
  });
});
