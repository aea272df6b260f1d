import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, expect, it } from "vitest";
import {
  CallbackReason,
  type ClientConnectOptions,
  type Context,
  createContext,
  type Protocol,
  WriteProtocol,
  type Wsi,
} from "../../lib/index.ts";
import { Program, stopPrograms } from "../support/program.ts";
import { certificate, describeLoops, type LoopName, speaksTls } from "../support/server.ts";

/* Thousands of clients in one context, against as many sessions of a server in a process of its own. */

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const root = fileURLToPath(new URL("../..", import.meta.url));
/** Connections that are on their way at a time. */
const WIDTH = 200;
/** Caches and compiled code grow the heap by less; 5000 sessions that are not let go of are more, at about 1 KiB each. */
const HEAP_NOISE = 2 << 20;

/** What a process holds. */
interface Holdings {
  connections: number;
  descriptors: number;
  heap: number;
}

/** A server that echoes: `LOOP [CERT KEY]`. It says its port, and answers each line with its holdings. */
const SERVER = `
import { readdirSync } from "node:fs";
import { createInterface } from "node:readline";
import { ANY_PORT, CallbackReason, createContext, WriteProtocol } from "${root}dist/lib/index.js";

const [eventLoop, cert, key] = process.argv.slice(1);
const echo = {
  name: "echo",
  wholeMessages: true,
  callback(wsi, reason, user, input) {
    if (reason === CallbackReason.RECEIVE) wsi.write(input, WriteProtocol.TEXT);
    if (reason === CallbackReason.CLOSED && !input.wasClean) console.error("closed with", input);
  },
};
const limits = { maxConnections: 6000, maxConnectionsPerAddress: 6000, backlog: 1024 };
const ssl = cert === undefined ? {} : { ssl: { cert, key } };
const address = { port: ANY_PORT, host: "127.0.0.1" };
const context = await createContext({ ...address, eventLoop, protocols: [echo], ...limits, ...ssl });
process.stdin.on("end", () => process.exit());
createInterface({ input: process.stdin }).on("line", () => {
  gc();
  const { connections } = context;
  const descriptors = readdirSync("/proc/self/fd").length;
  console.log(JSON.stringify({ connections, descriptors, heap: process.memoryUsage().heapUsed }));
});
console.log("listening on", context.port);
await context.run();
`;

async function startServer(loop: LoopName, tls: boolean): Promise<{ server: Program; port: number }> {
  if (!existsSync(`${root}dist/lib/index.js`))
    execFileSync("npx", ["tsc", "-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
  const files = tls ? [certificate.cert, certificate.key] : [];
  const script = ["--expose-gc", "--input-type=module", "-e", SERVER, loop, ...files];
  const server = new Program(process.execPath, script);
  return { server, port: Number((await server.prints(/listening on (\d+)\n/))[1]) };
}

/** Clients of one context, each of which says something and waits for its echo. */
class Crowd {
  readonly sessions: Wsi[] = [];
  /** Whatever did not go as it should. */
  readonly problems: unknown[] = [];
  #context!: Context;
  #closed = 0;
  #changed = () => {};

  static async start(loop: LoopName): Promise<Crowd> {
    const crowd = new Crowd();
    const protocol: Protocol = {
      name: "crowd",
      wholeMessages: true,
      callback: (wsi, reason, _user, input) => crowd.#call(wsi, reason, input),
    };
    crowd.#context = await createContext({ eventLoop: loop, protocols: [protocol], maxConnections: 6000 });
    void crowd.#context.run();
    return crowd;
  }

  #call(wsi: Wsi, reason: number, input: unknown): void {
    if (reason === CallbackReason.CLIENT_ESTABLISHED) wsi.write(`I am ${wsi.user}`, WriteProtocol.TEXT);
    else if (reason === CallbackReason.CLIENT_RECEIVE) {
      if (String(input) !== `I am ${wsi.user}`) this.problems.push(String(input));
      this.sessions.push(wsi);
    } else if (reason === CallbackReason.CLIENT_CLOSED) {
      const { code, wasClean } = input as { code: number; wasClean: boolean };
      if (code !== 1000 || !wasClean) this.problems.push(input);
      this.#closed += 1;
    } else if (reason === CallbackReason.CLIENT_CONNECTION_ERROR) this.problems.push(input);
    else return;
    this.#changed();
  }

  /** Opens sessions, some at a time, until `count` have had their echoes. */
  async open(count: number, options: ClientConnectOptions): Promise<void> {
    for (let started = 0; this.sessions.length < count && this.problems.length === 0; ) {
      for (; started < Math.min(count, this.sessions.length + WIDTH); started++)
        this.#context.clientConnect({ ...options, user: started });
      await this.#change();
    }
  }

  /** Closes all sessions, and waits until they are. */
  async close(): Promise<void> {
    const sessions = this.sessions.splice(0);
    const closed = this.#closed + sessions.length;
    for (const wsi of sessions) wsi.close(1000);
    while (this.#closed < closed) await this.#change();
  }

  /** Resolves at the next event of interest. */
  #change(): Promise<void> {
    return new Promise((resolve) => (this.#changed = resolve));
  }

  holdings(): Holdings {
    collectGarbage();
    const descriptors = readdirSync("/proc/self/fd").length;
    return { connections: this.#context.connections, descriptors, heap: process.memoryUsage().heapUsed };
  }

  destroy(): Promise<void> {
    return this.#context.destroy();
  }
}

describeLoops("a context", (loop) => {
  let crowd: Crowd;
  afterEach(async () => {
    await crowd.destroy();
    await stopPrograms();
  });

  /** Opens that many sessions, closes them, and looks for what is left of them. */
  async function comeAndGo(count: number, tls: boolean): Promise<void> {
    const { server, port } = await startServer(loop, tls);
    crowd = await Crowd.start(loop);
    const address = { address: "127.0.0.1", port, ssl: tls ? 2 : 0 } as const;
    const serverHolds = async () => JSON.parse(await server.ask("what have you?")) as Holdings;
    /** Both sides, when the connections are gone. */
    const settled = async () => {
      await expect.poll(() => crowd.holdings().connections, { timeout: 5000 }).toBe(0);
      await expect.poll(async () => (await serverHolds()).connections, { timeout: 5000 }).toBe(0);
      return [crowd.holdings(), await serverHolds()];
    };

    // What is made once, and code that is compiled, is no leak.
    await crowd.open(WIDTH, address);
    await crowd.close();
    const before = await settled();

    await crowd.open(count, address);
    expect(crowd.problems).toEqual([]);
    expect([crowd.holdings().connections, (await serverHolds()).connections]).toEqual([count, count]);
    await crowd.close();
    const after = await settled();
    expect(crowd.problems).toEqual([]);
    expect(server.output).not.toContain("closed with");
    for (const [side, { descriptors, heap }] of after.entries()) {
      expect(descriptors).toBe(before[side].descriptors);
      expect(heap - before[side].heap).toBeLessThan(HEAP_NOISE);
    }
  }

  it("opens 5000 sessions, and has nothing of them left when they are closed", { timeout: 60_000 }, () =>
    comeAndGo(5000, false),
  );

  it.runIf(speaksTls(loop))("does so with 500 sessions over TLS", { timeout: 60_000 }, () =>
    comeAndGo(500, true),
  );
});
