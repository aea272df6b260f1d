import type { AccessLogOptions } from "../api/options.ts";
import { describeError } from "../base/log.ts";
import { type AccessLogEntry, combinedLine, commonLine } from "../http/access-log.ts";
import type { RequestHead } from "../http/request-head.ts";
import type { Loop, Task } from "../loop/loop.ts";

/** Characters that wait here for a stream that takes no more; lines beyond are dropped. */
const MAX_WAITING = 1_048_576;

/** Whom the log reports its own troubles to. */
interface Reporter {
  warnOnce(message: string): void;
}

/** The streams that have a listener for errors: without one, Node ends the process at the first. */
const guarded = new WeakSet<object>();

/**
 * Writes a line for each reply. Lines of one turn leave in one write. A stream that is slow, broken or throws costs
 * lines, which are counted, and nothing else.
 */
export class AccessLog implements Task {
  readonly #format: (entry: AccessLogEntry) => string;
  readonly #stream: AccessLogOptions["stream"];
  readonly #loop: Loop;
  readonly #reporter: Reporter;
  #lines = "";
  /** `runSoon` is coming. */
  #due = false;
  /** The stream has asked to wait. */
  #full = false;
  #dropped = 0;

  constructor({ format = "combined", stream }: AccessLogOptions, loop: Loop, reporter: Reporter) {
    this.#format = format === "common" ? commonLine : format === "combined" ? combinedLine : format;
    this.#stream = stream;
    this.#loop = loop;
    this.#reporter = reporter;
    if (!guarded.has(stream)) stream.on?.("error", () => {});
    guarded.add(stream);
  }

  /** Lines that were lost so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * A reply is over.
   *
   * @param head - The request; null where none could be read.
   * @param since - The loop's time when the request came.
   */
  add(remoteAddress: string, head: RequestHead | null, status: number, bytes: number, since: number): void {
    if (this.#lines.length > MAX_WAITING) return this.#drop("its stream is too slow");
    const line = this.#line({
      time: Date.now(),
      remoteAddress,
      method: head?.method ?? "",
      target: head?.target ?? "",
      httpVersion: head?.httpMinor === 0 ? "1.0" : "1.1",
      referer: head?.get("referer") ?? "",
      userAgent: head?.get("user-agent") ?? "",
      status,
      bytes,
      durationMs: Math.max(0, this.#loop.now - since),
    });
    if (line === "") return;
    this.#lines += `${line}\n`;
    if (this.#due) return;
    this.#due = true;
    this.#loop.soon(this);
  }

  #line(entry: AccessLogEntry): string {
    try {
      const line: unknown = this.#format(entry);
      return typeof line === "string" ? line : "";
    } catch (error) {
      this.#drop(`its format threw: ${describeError(error)}`);
      return "";
    }
  }

  runSoon(): void {
    this.#due = false;
    // A stream that has broken never drains.
    if (!this.#full || this.#stream.writable === false) this.#flush();
  }

  /** No more lines will come: those that wait go to the stream whatever it says. */
  close(): void {
    this.#flush();
    if (this.#dropped > 0) this.#reporter.warnOnce(`access log: ${this.#dropped} lines were lost`);
  }

  #flush(): void {
    const lines = this.#lines;
    this.#lines = "";
    if (lines === "") return;
    const stream = this.#stream;
    try {
      if (stream.writable === false) return this.#drop("its stream takes nothing any more", lines);
      if (stream.write(lines) !== false || stream.once === undefined) return;
      this.#full = true;
      stream.once("drain", this.#drained);
    } catch (error) {
      this.#drop(`its stream threw: ${describeError(error)}`, lines);
    }
  }

  readonly #drained = (): void => {
    this.#full = false;
    this.#flush();
  };

  #drop(why: string, lines = "\n"): void {
    for (let at = lines.indexOf("\n"); at !== -1; at = lines.indexOf("\n", at + 1)) this.#dropped++;
    this.#reporter.warnOnce(`access log: lines are lost, ${why}`);
  }
}
