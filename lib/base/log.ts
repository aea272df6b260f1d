/** Where a context reports to: `console` fits, and so do pino, winston and the like. */
export interface Logger {
  error(message: string): void;
  warn(message: string): void;
  info(message: string): void;
  debug(message: string): void;
}

/** Errors and warnings to standard error, nothing else: what a library should say unasked. */
export const quietLogger: Logger = {
  error: (message) => console.error(`sluice: ${message}`),
  warn: (message) => console.warn(`sluice: ${message}`),
  info: () => {},
  debug: () => {},
};

/** The same logger, which may throw as it likes: a line that cannot be written ends no server. */
export function guarded(logger: Logger): Logger {
  const level = (name: keyof Logger) => (message: string) => {
    try {
      logger[name](message);
    } catch {
      // There is nobody left to tell.
    }
  };
  return { error: level("error"), warn: level("warn"), info: level("info"), debug: level("debug") };
}

/** One line for anything that was thrown, with the stack where there is one. */
export function describeError(thrown: unknown): string {
  try {
    if (thrown instanceof Error) return String(thrown.stack ?? `${thrown.name}: ${thrown.message}`);
    return String(thrown);
  } catch {
    // A getter or a toString of its own threw; whoever reports an error must not make another one.
    return "something that cannot be shown as text";
  }
}
