import { randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import { isMainThread } from "node:worker_threads";
import type { ForkedServiceLoop, ForkOptions } from "../api/fork.ts";
import type { SslOptions } from "../api/tls.ts";
import { codedError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { Bus } from "../bus/bus.ts";
import { ProcessHub } from "../bus/process-hub.ts";
import type { SharedPort } from "../loop/loop.ts";
import { Children } from "./children.ts";
import type { Program } from "./place.ts";

const MAX_PROCESSES = 1024;

/** What a parent needs of its context. */
export interface ParentContext {
  readonly settings: { readonly timeouts: { readonly drain: number } };
  readonly logger: Logger;
  readonly ssl: SslOptions | null;
  cede(): SharedPort;
  joinBus(bus: Bus): Promise<void>;
}

/** Forks a context of a process that nobody has forked. */
export class ParentForking {
  readonly #index: number;
  #children: Children | null = null;
  #called = false;
  /** What seals the session tickets of all children, unless `ssl` tells. */
  readonly #ticketKeys = new Uint8Array(randomBytes(48));

  /** @param index - Which context of the program it is. */
  constructor(index: number) {
    this.#index = index;
  }

  /** Resolves when all children serve. */
  async fork(options: ForkOptions, context: ParentContext): Promise<ForkedServiceLoop> {
    const processes = processesOf(options);
    const program = thisProgram();
    if (this.#called) throw codedError("EBUSY", "forkServiceLoop was called already");
    const port = context.cede();
    this.#called = true;
    const { logger } = context;
    const hub = new ProcessHub({
      onLoss: (packets, { message }) => logger.warn(`broadcasts lost to a child: ${packets}, ${message}`),
    });
    const family = {
      program,
      context: this.#index,
      port,
      logger,
      ssl: context.ssl === null ? null : this.#sealed(context.ssl),
      onStart: hub.add.bind(hub),
    };
    const children = new Children(family, processes, context.settings.timeouts.drain);
    this.#children = children;
    await context.joinBus(hub.bus());
    await children.start();
    return {
      isChild: false,
      place: -1,
      get pids() {
        return children.pids;
      },
    };
  }

  async load(ssl: SslOptions): Promise<(() => Promise<void>) | null> {
    const sealed = this.#sealed(ssl);
    await this.#children?.load(sealed);
    // It may have been forked meanwhile.
    const children = this.#children;
    return children && (() => children.use(sealed));
  }

  #sealed(ssl: SslOptions): SslOptions {
    return { ...ssl, ticketKeys: ssl.ticketKeys ?? this.#ticketKeys };
  }

  async end(spread: number): Promise<void> {
    await this.#children?.stop(spread);
  }
}

/** @throws TypeError that names what is wrong. */
export function processesOf(options: ForkOptions): number {
  if (typeof options !== "object" || options === null)
    throw new TypeError("forkServiceLoop takes an object of options");
  const { processes = availableParallelism(), ...others } = options;
  for (const name of Object.keys(others)) throw new TypeError(`forkServiceLoop: there is no option ${name}`);
  if (!Number.isInteger(processes) || processes < 1 || processes > MAX_PROCESSES) {
    throw new TypeError(
      `processes: has to be a whole number from 1 to ${MAX_PROCESSES}, not ${String(processes)}`,
    );
  }
  return processes;
}

/** The program that this process runs, to be run again. */
function thisProgram(): Program {
  if (!isMainThread) throw codedError("ENOTSUP", "forkServiceLoop: a worker thread has no program to fork");
  const [, file, ...args] = process.argv;
  if (file === undefined)
    throw codedError("ENOTSUP", "forkServiceLoop: there is no file to run again, as with node -e");
  return {
    file,
    args,
    execArgv: [...process.execArgv, ...inspectorPort(process.env["NODE_OPTIONS"], process.execArgv)],
    cwd: startFolder,
  };
}

/** The folder that the program was started in; paths in its arguments and options begin there. */
const startFolder = currentFolder();

function currentFolder(): string | undefined {
  try {
    return process.cwd();
  } catch {
    // It was removed.
    return undefined;
  }
}

/** Where this process is debugged, each child is on a port of its own. */
export function inspectorPort(nodeOptions = "", execArgv: readonly string[]): string[] {
  return [nodeOptions, ...execArgv].some((text) => text.includes("--inspect")) ? ["--inspect-port=0"] : [];
}
