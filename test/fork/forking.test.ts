import { existsSync } from "node:fs";
import { relative } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { stopPrograms } from "../support/program.ts";
import { certificate, loops, temporaryFolder } from "../support/server.ts";
import { Forked, Session } from "./forked.ts";

afterEach(stopPrograms);

describe.each(loops)("a forked service loop, on the %s loop", (eventLoop) => {
  it("serves 600 sessions from three processes, and each gets each broadcast once and in order", async () => {
    const forked = await Forked.start({ eventLoop });
    const pids = await forked.pids();
    const sessions = await forked.sessions(600);
    const served = pids.map((pid) => sessions.filter((session) => session.pid === pid));
    expect(served.flat().length).toBe(600);
    expect(
      served.every((its) => its.length > 0),
      `${served.map((its) => its.length)}`,
    ).toBe(true);

    const senders = ["parent", ...pids.map(String)];
    for (let i = 0; i < 10; i++) {
      forked.write(`say parent ${i}`);
      for (const [its] of served) its.say(`say ${its.pid} ${i}`);
    }
    for (const session of sessions) {
      await session.has(40);
      for (const sender of senders) {
        const from = session.received.filter((text) => text.startsWith(`${sender} `));
        expect(from).toEqual(Array.from({ length: 10 }, (_, i) => `${sender} ${i}`));
      }
      expect(session.received.length).toBe(40);
    }
    for (const session of sessions) session.close();
  }, 60_000);

  it("serves a Unix socket, whose path is gone at the end", async () => {
    const path = `${temporaryFolder()}/s.sock`;
    const forked = await Forked.start({ eventLoop, path });
    const pids = await forked.pids();
    const sessions = await forked.sessions(30);
    expect(sessions.filter(({ pid }) => !pids.includes(pid))).toEqual([]);
    forked.write("say hello");
    for (const session of sessions) expect(await session.has(1)).toEqual(["hello"]);
    await forked.answer("destroy", /^destroyed$/m);
    expect(existsSync(path)).toBe(false);
    expect(await forked.ended()).toBe(0);
  });

  it("speaks TLS in every process", async () => {
    const forked = await Forked.start({ eventLoop, ssl: certificate, processes: 2 });
    const pids = await forked.pids();
    for (const { pid } of await forked.sessions(10)) expect(pids).toContain(pid);
  });

  it("has its children begin where the program began, wherever that has gone since", async () => {
    const ssl = { cert: relative(".", certificate.cert), key: relative(".", certificate.key) };
    const forked = await Forked.start({ eventLoop, ssl, processes: 1, folder: "/" });
    const [pid] = await forked.pids();
    expect((await Session.open(forked.url)).pid).toBe(pid);
  });

  it("of two contexts in a program has children for each, on its own port", async () => {
    const forked = await Forked.start({ eventLoop, processes: 1, second: {} });
    const [pid] = await forked.pids();
    const [port, extraPort] = JSON.parse(await forked.answer("ports", /^\[.*\]$/m)) as number[];
    expect(extraPort).not.toBe(port);
    const session = await Session.open(forked.at(port));
    const extra = await Session.open(forked.at(extraPort));
    expect(session.pid).toBe(pid);
    expect([pid, forked.pid]).not.toContain(extra.pid);
    session.say("say of the one");
    extra.say("say of the other");
    expect(await session.has(1)).toEqual(["of the one"]);
    expect(await extra.has(1)).toEqual(["of the other"]);
    await forked.answer("destroy", /^destroyed$/m);
    expect(await forked.ended()).toBe(0);
  });
});
