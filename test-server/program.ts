import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Where a program writes to, and how it learns that it should end. */
export interface Terminal {
  /** @param end - A line ends with it, unless it is to go on. Default `"\n"`. */
  out(text: string, end?: string): void;
  error(text: string): void;
  /** Aborted on ^C and SIGTERM, and when nobody reads any more what is written (`| head`). */
  signal: AbortSignal;
}

/** A program: takes its arguments, gives its exit code. */
export type Program = (args: readonly string[], terminal: Terminal) => Promise<number>;

/** Exit codes: done, failed, and called in a wrong way. */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

/** What is wrong with the arguments, in a sentence for whoever typed them. */
export class UsageError extends Error {}

/**
 * Runs a function that parses arguments, and makes UsageErrors of what `parseArgs` of node:util throws: its first
 * sentence, without the hints that follow it.
 */
export function withUsageErrors<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof Error && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS")) {
      throw new UsageError(error.message.split(". ")[0]!);
    }
    throw error;
  }
}

/** A whole number within bounds, or a UsageError that names the option. */
export function integerOption(name: string, text: string, min: number, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) {
    throw new UsageError(`${name} takes a whole number from ${min} to ${max}, not '${text}'`);
  }
  return value;
}

/** Runs the program when the module is what `node` was started with, also through a link in node_modules/.bin. */
export function runIfMain(moduleUrl: string, program: Program): void {
  const started = process.argv[1];
  if (started === undefined || realpathSync(started) !== fileURLToPath(moduleUrl)) return;
  void program(process.argv.slice(2), processTerminal()).then((code) => {
    process.exitCode = code;
  });
}

/**
 * The process's own terminal. A second ^C ends the process at once, as the first one took the handler away. Where nobody
 * reads any more (`| head`), it ends quietly, as on ^C.
 */
function processTerminal(): Terminal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => controller.abort());
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      controller.abort();
    });
  }
  return {
    out: (text, end = "\n") => void process.stdout.write(text + end),
    error: (text) => void process.stderr.write(`${text}\n`),
    signal: controller.signal,
  };
}
