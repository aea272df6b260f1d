import { type ChildProcess, fork } from "node:child_process";
import type { SslOptions } from "../api/tls.ts";
import { codedError, errorCode } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { SharedPort } from "../loop/loop.ts";
import { BackOff } from "./back-off.ts";
import { ChildCertificates } from "./child-certificates.ts";
import { type Errand, withErrand } from "./errand.ts";
import { type FromParent, fromChild } from "./messages.ts";

/** How a program is started again. */
export interface Program {
  file: string;
  args: readonly string[];
  /** Options of Node itself. */
  execArgv: readonly string[];
  /** The working directory. */
  cwd: string | undefined;
}

/** What all children of one context have in common. */
export interface Family {
  readonly program: Program;
  /** Which context of the program they serve. */
  readonly context: number;
  readonly port: SharedPort;
  readonly logger: Logger;
  /** What TLS the children speak with at this moment; null without it. */
  ssl: SslOptions | null;
  /** A child was started; it may not have come to anything yet. */
  onStart(child: ChildProcess): void;
}

/** Where the listening descriptor is in a child: behind stdin, stdout, stderr and the channel to the parent. */
const CHILD_FD = 4;
/** From the start of the program to forkServiceLoop in it. */
const START_LIMIT_MS = 60_000;
/** A wait for which a socket is not kept open with nobody to accept from it. */
const SHORT_WAIT_MS = 1000;

/**
 * The place of one child: a process, and another one when that has ended.
 *
 * ```
 *   start ─► starting ─► serving ─► ended ─► waiting (back-off) ─► starting ─► …
 *               │           └──────────┐                                stop: from anywhere to the end
 *               ▼ (only the first time)▼
 *            start rejects          stop: drain ─► ended
 * ```
 */
export class Place {
  readonly number: number;
  readonly #family: Family;
  readonly #backOff = new BackOff();
  #child: ChildProcess | null = null;
  #certificates: ChildCertificates | null = null;
  #fd = -1;
  #startedAt = 0;
  /** What the child said of its end. */
  #reason = "";
  /** Of the first start, until that is decided. */
  #first: { resolve(): void; reject(error: Error): void } | null = null;
  #timer: NodeJS.Timeout | undefined;
  #stopping = false;
  /** Whoever waits for the end of the process. */
  #waiting: (() => void)[] = [];

  constructor(number: number, family: Family) {
    this.number = number;
    this.#family = family;
  }

  /** The process that has the place; undefined while none has. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves when the child serves. Rejects with what it ended of, when that comes first. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#stopping) return reject(canceled());
      this.#first = { resolve, reject };
      this.#spawn();
    });
  }

  #spawn(): void {
    this.#startedAt = performance.now();
    this.#reason = "";
    try {
      if (this.#fd < 0) this.#fd = this.#family.port.open();
      this.#watch(this.#fork());
    } catch (error) {
      this.#ended(`could not be started: ${(error as Error).message}`);
    }
  }

  #fork(): ChildProcess {
    const { program, context } = this.#family;
    const errand: Errand = { context, place: this.number, fd: CHILD_FD };
    return fork(program.file, program.args, {
      execArgv: [...program.execArgv],
      cwd: program.cwd,
      env: withErrand(process.env, errand),
      stdio: ["ignore", "inherit", "inherit", "ipc", this.#fd],
      serialization: "advanced",
    });
  }

  #watch(child: ChildProcess): void {
    this.#child = child;
    child.on("message", (message) => this.#heard(message));
    child.once("exit", (code, signal) => {
      const end = () => this.#ended(signal === null ? `ended with code ${code}` : `ended by ${signal}`);
      // Its last words may still be on their way.
      if (child.connected) child.once("disconnect", end);
      else end();
    });
    // A message may meet a child that has just ended: its "exit" tells all. Without a process there is none.
    child.on("error", (error) => {
      if (child.pid === undefined) this.#ended(`could not be started: ${error.message}`);
    });
    // "error" will tell why.
    if (child.pid === undefined) return;
    this.#timer = setTimeout(() => this.#stuck(), START_LIMIT_MS);
    this.#family.onStart(child);
    this.#certificates = new ChildCertificates((message) => tell(child, message), this.#family.ssl);
  }

  #heard(message: unknown): void {
    const told = fromChild(message);
    if (told?.sluice === "failed") this.#reason = told.reason;
    if (told?.sluice === "answer") this.#certificates?.questions.answered(told.number, told.refusal);
    if (told?.sluice === "serving" && !this.#stopping) this.#serves();
  }

  #serves(): void {
    const { logger, ssl } = this.#family;
    clearTimeout(this.#timer);
    this.#reason = "";
    logger.info(`${this.#name} serves`);
    this.#first?.resolve();
    this.#first = null;
    this.#certificates
      ?.serving(ssl)
      .catch((error: Error) => logger.warn(`${this.#name} goes on with old certificates: ${error.message}`));
  }

  /** Has the child read certificates. One that starts is not waited for: it gets them when it serves. */
  async load(ssl: SslOptions): Promise<void> {
    await this.#certificates?.load(ssl).catch(this.#refused);
  }

  /** Has the child use them. */
  async use(ssl: SslOptions): Promise<void> {
    await this.#certificates?.use(ssl).catch(this.#refused);
  }

  readonly #refused = (error: Error) => {
    throw codedError(errorCode(error), `${this.#name}: ${error.message}`);
  };

  #stuck(): void {
    this.#reason = `it had not come to forkServiceLoop within ${START_LIMIT_MS / 1000} s`;
    this.#child?.kill("SIGKILL");
  }

  #ended(how: string): void {
    clearTimeout(this.#timer);
    const end = `${this.#name} ${how}${this.#reason === "" ? "" : `: ${this.#reason}`}`;
    this.#child = null;
    this.#certificates?.questions.gone();
    this.#certificates = null;
    if (this.#first !== null) {
      this.#first.reject(this.#stopping ? canceled() : codedError("ERR_CHILD", `${end}, before it served`));
      this.#first = null;
      this.#stopping = true;
    }
    for (const resolve of this.#waiting) resolve();
    if (this.#stopping) return this.#closeSocket();
    const wait = this.#backOff.after(performance.now() - this.#startedAt);
    this.#family.logger.warn(`${end}; it is started again in ${wait} ms`);
    if (wait > SHORT_WAIT_MS) this.#closeSocket();
    this.#timer = setTimeout(() => this.#spawn(), wait);
  }

  #closeSocket(): void {
    if (this.#fd >= 0) this.#family.port.close(this.#fd);
    this.#fd = -1;
  }

  get #name(): string {
    return `child ${this.number} (process ${this.pid ?? "none"})`;
  }

  /**
   * Has the child drain, its Close frames spread over so many milliseconds, and resolves when its process is gone: at the
   * latest, by SIGKILL, after `limitMs`. Called again it hurries the child. The socket is closed at once: else the system
   * would go on to take connections that nobody accepts.
   */
  async stop(spread: number, limitMs: number): Promise<void> {
    const again = this.#stopping;
    this.#stopping = true;
    const child = this.#child;
    if (!again) clearTimeout(this.#timer);
    this.#closeSocket();
    if (child?.pid === undefined) return;
    if (!again) this.#timer = setTimeout(() => this.#late(limitMs), limitMs);
    const gone = new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (child.connected) tell(child, { sluice: "drain", spread });
    else child.kill("SIGTERM");
    await gone;
  }

  #late(limitMs: number): void {
    this.#family.logger.warn(`${this.#name} has not ended in ${limitMs} ms and is killed`);
    this.#child?.kill("SIGKILL");
  }
}

function tell(child: ChildProcess, message: FromParent): void {
  // One that is about to end hears nothing; its "exit" tells all.
  if (child.connected) child.send(message, undefined, undefined, () => {});
}

function canceled(): Error {
  return codedError("ECANCELED", "forkServiceLoop: the context was destroyed while its children started");
}
