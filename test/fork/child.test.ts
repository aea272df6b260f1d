import { afterEach, describe, expect, it } from "vitest";
import { stopPrograms } from "../support/program.ts";
import { loops } from "../support/server.ts";
import { Forked, gone } from "./forked.ts";

afterEach(stopPrograms);

describe.each(loops)("a child, on the %s loop", (eventLoop) => {
  it("drains and ends when its parent is killed", async () => {
    const forked = await Forked.start({ eventLoop });
    const pids = await forked.pids();
    const sessions = await forked.sessions(12);
    await forked.stop("SIGKILL");
    for (const session of sessions) expect(await session.closed).toBe(1001);
    await Promise.all(pids.map(gone));
  });

  it("outlives the ^C that the terminal sends to it too", async () => {
    const forked = await Forked.start({ eventLoop, processes: 1 });
    const [pid] = await forked.pids();
    const [session] = await forked.sessions(1);
    process.kill(pid, "SIGINT");
    forked.write("say still here");
    expect(await session.has(1)).toEqual(["still here"]);
    expect(await forked.pids()).toEqual([pid]);
  });

  it("whose program destroys its context drains, ends, and is replaced", async () => {
    const forked = await Forked.start({ eventLoop, processes: 1 });
    const [session] = await forked.sessions(1);
    session.say("destroy");
    expect(await session.closed).toBe(1001);
    await forked.prints(new RegExp(`process ${session.pid}\\) ended with code 0; it is started again`));
    const [another] = await forked.sessions(1);
    expect(another.pid).not.toBe(session.pid);
  });
});
