import { copyFileSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { ChildCertificates } from "../../lib/fork/child-certificates.ts";
import type { FromParent } from "../../lib/fork/messages.ts";
import { Authority, type Pair, pemOf } from "../support/certificates.ts";
import { stopPrograms } from "../support/program.ts";
import { loops, temporaryFolder } from "../support/server.ts";
import { Forked, Session } from "./forked.ts";

afterEach(stopPrograms);

const old = { cert: "old", key: "old" };
const fresh = { cert: "new", key: "new" };

/** A child that answers at once, or refuses what it is asked. */
function make(refuses?: FromParent["sluice"]) {
  const told: unknown[] = [];
  const certificates: ChildCertificates = new ChildCertificates((message) => {
    told.push("ssl" in message ? [message.sluice, message.ssl] : [message.sluice]);
    if (!("number" in message)) return;
    const refusal = message.sluice === refuses ? { code: "ERR_SSL_FILE", message: "no" } : undefined;
    queueMicrotask(() => certificates.questions.answered(message.number, refusal));
  }, old);
  return { certificates, told };
}

it("tells a child at once what to start with, and asks nothing before it serves", async () => {
  const { certificates, told } = make();
  await certificates.load(fresh);
  await certificates.use(fresh);
  expect(told).toEqual([["start", old]]);
});

it("has a child that serves load, and then use", async () => {
  const { certificates, told } = make();
  await certificates.serving(old);
  await certificates.load(fresh);
  await certificates.use(fresh);
  await certificates.use(fresh);
  expect(told).toEqual([["start", old], ["load", fresh], ["use"]]);
});

it("has a child use what changed while it started", async () => {
  const { certificates, told } = make();
  await certificates.serving(fresh);
  expect(told).toEqual([["start", old], ["load", fresh], ["use"]]);
});

it("has a child that began to serve between load and use do both", async () => {
  const { certificates, told } = make();
  await certificates.load(fresh);
  await certificates.serving(old);
  await certificates.use(fresh);
  expect(told).toEqual([["start", old], ["load", fresh], ["use"]]);
});

it("does not have used what was refused", async () => {
  const { certificates, told } = make("load");
  await certificates.serving(old);
  await expect(certificates.load(fresh)).rejects.toMatchObject({ code: "ERR_SSL_FILE" });
  await expect(certificates.use(fresh)).rejects.toMatchObject({ code: "ERR_SSL_FILE" });
  expect(told).not.toContainEqual(["use"]);
});

describe.each(loops)("the certificates of forked children, on the %s loop", (eventLoop) => {
  const folder = temporaryFolder();
  const authority = new Authority(folder);
  const first = authority.issue("first.example");
  const second = authority.issue("second.example");
  // A child can be led away from where a relative path begins.
  const files: Pair = { cert: "cert.pem", key: "key.pem" };
  for (const name of ["cert", "key"] as const) files[name] = relative(".", join(folder, files[name]));

  function place(pair: Pair): void {
    for (const name of ["cert", "key"] as const) copyFileSync(pair[name], files[name]);
  }

  async function start(): Promise<Forked> {
    place(first);
    return Forked.start({ eventLoop, processes: 2, ssl: files });
  }

  /** Opens sessions until each process has some; they are closed already. */
  async function everywhere(forked: Forked, ticket?: Buffer): Promise<Session[]> {
    const pids = await forked.pids();
    const sessions: Session[] = [];
    while (!pids.every((its) => sessions.some(({ pid }) => pid === its)))
      sessions.push(...(await forked.sessions(20, ticket)));
    for (const session of sessions) session.close();
    return sessions;
  }

  /** The names that each process shows. */
  async function names(forked: Forked): Promise<string[]> {
    const sessions = await everywhere(forked);
    return [...new Set(sessions.map(({ name }) => name))];
  }

  async function replaced(forked: Forked, pid: number): Promise<void> {
    const start = forked.output.length;
    process.kill(pid, "SIGKILL");
    await forked.prints(/info: child \d \(process \d+\) serves/, start);
  }

  it("are read again by all of them, and sessions go on", async () => {
    const forked = await start();
    const session = await Session.open(forked.url);
    expect(await names(forked)).toEqual(["first.example"]);
    place(second);
    expect(await forked.answer("renew {}", /^(not )?renewed.*$/m)).toBe("renewed");
    expect(await names(forked)).toEqual(["second.example"]);
    session.say("say still here");
    expect(await session.has(1)).toEqual(["still here"]);
  });

  it("reach those that are started later, given as text", async () => {
    const forked = await start();
    const renewal = JSON.stringify(pemOf(second));
    expect(await forked.answer(`renew ${renewal}`, /^(not )?renewed.*$/m)).toBe("renewed");
    const [pid] = await forked.pids();
    await replaced(forked, pid);
    expect(await forked.pids()).not.toContain(pid);
    expect(await names(forked)).toEqual(["second.example"]);
  });

  it("stay everywhere what they were when the parent, or one child, cannot load others", async () => {
    const forked = await start();
    const broken = JSON.stringify({ cert: readFileSync(second.cert, "utf8") });
    expect(await forked.answer(`renew ${broken}`, /^(not )?renewed.*$/m)).toMatch(
      /^not renewed: ERR_SSL_CERTIFICATE ssl\.key: .* does not match/,
    );
    const session = await Session.open(forked.url);
    session.say("wander");
    session.say("pid");
    await session.has(1);
    place(second);
    const answer = await forked.answer("renew {}", /^(not )?renewed.*$/m);
    const where = new RegExp(`ERR_SSL_FILE child \\d \\(process ${session.pid}\\): ssl\\.cert: cannot read`);
    expect(answer).toMatch(where);
    expect(await names(forked)).toEqual(["first.example"]);
  });

  it("resume each other's TLS sessions, one that is started later too", async () => {
    const forked = await start();
    const [one] = await forked.sessions(1);
    const ticket = one.tls.getSession()!;
    for (const session of await everywhere(forked, ticket)) expect(session.resumed).toBe(true);
    await replaced(forked, one.pid);
    for (const session of await everywhere(forked, ticket)) expect(session.resumed).toBe(true);
  });
});
