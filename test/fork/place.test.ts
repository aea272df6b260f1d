import { afterEach, describe, expect, it } from "vitest";
import { stopPrograms } from "../support/program.ts";
import { loops } from "../support/server.ts";
import { Forked, Session } from "./forked.ts";

afterEach(stopPrograms);

describe.each(loops)("the place of a child, on the %s loop", (eventLoop) => {
  it("is taken by another process when the child is killed, and only its sessions are lost", async () => {
    const forked = await Forked.start({ eventLoop });
    const sessions = await forked.sessions(60);
    const [{ pid: victim }] = sessions;
    const its = sessions.filter(({ pid }) => pid === victim);
    const others = sessions.filter(({ pid }) => pid !== victim);
    const start = forked.output.length;
    process.kill(victim, "SIGKILL");
    for (const session of its) expect(await session.closed).toBe(1006);
    const line = /warn: (child \d) \(process (\d+)\) ended by SIGKILL; it is started again in 100 ms/;
    const [, place, pid] = await forked.prints(line, start);
    expect(Number(pid)).toBe(victim);
    const again = await Promise.all(its.map(() => Session.open(forked.url)));
    await forked.prints(new RegExp(`info: ${place} \\(process \\d+\\) serves`), start);
    forked.write("say still here");
    for (const session of [...others, ...again]) expect(await session.has(1)).toEqual(["still here"]);
    expect(await forked.pids()).toHaveLength(3);
    expect(await forked.pids()).not.toContain(victim);
  });

  it("is tried again at growing distances while the program ends at once, and the others serve on", async () => {
    const forked = await Forked.start({ eventLoop, processes: 2 });
    await forked.answer("break", /^broken$/m);
    const [victim, other] = await forked.pids();
    process.kill(victim, "SIGKILL");
    for (const wait of [100, 200, 400, 800]) {
      await forked.prints(new RegExp(`warn: child 0 .* it is started again in ${wait} ms`));
    }
    expect(forked.output).toContain("ended with code 3; it is started again in 200 ms");
    expect(await forked.pids()).toContain(other);
    await forked.answer("destroy", /^destroyed$/m);
    expect(await forked.ended()).toBe(0);
  });

  it("rejects the first start with what the child's program threw, and nothing is left running", async () => {
    const forked = new Forked({ eventLoop, crash: "throw" });
    const [, text] = await forked.prints(/refused: (.*)/);
    expect(text).toMatch(
      /^ERR_CHILD child \d \(process \d+\) ended with code 1: this program has no luck, before it served$/,
    );
    expect(await forked.ended()).toBe(0);
  });

  it("rejects the first start when its context is destroyed meanwhile, and nothing is left running", async () => {
    const forked = new Forked({ eventLoop, processes: 2, crash: "wait" });
    await forked.prints(/waiting\nwaiting/);
    process.kill(forked.pid, "SIGINT");
    const [, code] = await forked.prints(/refused: (\w+) forkServiceLoop: the context was destroyed/);
    expect(code).toBe("ECANCELED");
    // Its children have its standard output too, and it is closed.
    expect(await forked.ended()).toBe(0);
    expect(forked.output).not.toMatch(/^(warn|error):/m);
  });

  it("rejects the first start with the exit code of a child that says nothing", async () => {
    const forked = new Forked({ eventLoop, crash: "silent" });
    const [, text] = await forked.prints(/refused: (.*)/);
    expect(text).toMatch(/^ERR_CHILD child \d \(process \d+\) ended with code 3, before it served$/);
    expect(await forked.ended()).toBe(0);
  });
});
