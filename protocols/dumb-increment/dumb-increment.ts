import { CallbackReason, type Context, type Protocol, WriteProtocol } from "sluice";

/** What `dumb-increment-protocol` can be told. */
export interface DumbIncrementOptions {
  /** Milliseconds between two numbers. Default 50: 20 numbers a second. */
  interval?: number;
  /** Close each session with 1000 after that many numbers, to see how a client takes it. Default: never. */
  closeAfter?: number;
}

interface Session {
  /** The number that is sent next. */
  number: number;
  /** How many numbers were sent, resets or not. */
  sent: number;
}

/** One protocol may serve several contexts, each with options of its own. */
const settings = new WeakMap<Context, Required<DumbIncrementOptions>>();

/**
 * Counts, for each session on its own, and sends each number as decimal text. `reset\n` starts again at zero,
 * `closeme\n` closes with 1001 "seeya".
 */
export const dumbIncrement: Protocol<Session> = {
  name: "dumb-increment-protocol",
  wholeMessages: true,
  maxMessageSize: 1024,
  perSessionData: () => ({ number: 0, sent: 0 }),

  callback(wsi, reason, user, input) {
    switch (reason) {
      case CallbackReason.PROTOCOL_INIT:
        settings.set(wsi.context, readOptions(input));
        break;

      case CallbackReason.ESTABLISHED:
        wsi.setTimer(settings.get(wsi.context)!.interval);
        break;

      case CallbackReason.TIMER:
        // Asking instead of writing: a client that does not read gets no number until it does.
        wsi.callbackOnWritable();
        wsi.setTimer(settings.get(wsi.context)!.interval);
        break;

      case CallbackReason.SERVER_WRITEABLE:
        if (user.sent === settings.get(wsi.context)!.closeAfter) {
          wsi.closeReason(1000, "close test");
          return -1;
        }
        wsi.write(String(user.number), WriteProtocol.TEXT);
        user.number += 1;
        user.sent += 1;
        break;

      case CallbackReason.RECEIVE:
        switch (input.toString()) {
          case "reset\n":
            user.number = 0;
            break;
          case "closeme\n":
            wsi.closeReason(1001, "seeya");
            return -1;
        }
        break;
    }
    return 0;
  },
};

/** A throw in PROTOCOL_INIT fails `createContext`, which is where a wrong option should be found. */
function readOptions(options: unknown): Required<DumbIncrementOptions> {
  const { interval = 50, closeAfter = Number.POSITIVE_INFINITY } = (options ?? {}) as DumbIncrementOptions;
  if (!(interval > 0))
    throw new TypeError("dumb-increment: interval must be a positive number of milliseconds");
  if (!(closeAfter > 0)) throw new TypeError("dumb-increment: closeAfter must be a positive number");
  return { interval, closeAfter };
}

export default dumbIncrement;
