import { CallbackReason, type Context, type Protocol, WriteProtocol } from "sluice";
import { Board, LOOK_EVERY } from "./board.ts";
import { Publisher } from "./publisher.ts";

export type { SessionReport } from "./session-report.ts";

/** What `lws-status` can be told. */
export interface LwsStatusOptions {
  /** Sessions in the list, those of other processes included; what is beyond is left out. Default 500. */
  maxSessions?: number;
}

interface Session {
  /** The edition of the board that was sent last. */
  seen: number;
}

/** What a context has for its watchers, and for those of others. */
interface Status {
  readonly board: Board;
  readonly publisher: Publisher;
}

const statusOf = new WeakMap<Context, Status>();

/**
 * Sends the list of all sessions, of every protocol, in all processes that share a bus, as a JSON array: on opening, and
 * whenever it has changed.
 */
export const lwsStatus: Protocol<Session> = {
  name: "lws-status",
  perSessionData: () => ({ seen: -1 }),

  callback(wsi, reason, user, input) {
    switch (reason) {
      case CallbackReason.PROTOCOL_INIT: {
        const { maxSessions } = readOptions(input);
        const board = new Board(wsi.context, maxSessions);
        const publisher = new Publisher(wsi.context, wsi.getProtocol(), maxSessions);
        statusOf.set(wsi.context, { board, publisher });
        publisher.begin();
        break;
      }

      case CallbackReason.ESTABLISHED:
        wsi.callbackOnWritable();
        wsi.setTimer(LOOK_EVERY);
        break;

      case CallbackReason.BROADCAST:
        statusOf.get(wsi.context)!.board.hear(input);
        break;

      case CallbackReason.TIMER: {
        const { board, publisher } = statusOf.get(wsi.context)!;
        publisher.begin();
        if (board.look() !== user.seen) wsi.callbackOnWritable();
        wsi.setTimer(LOOK_EVERY);
        break;
      }

      case CallbackReason.SERVER_WRITEABLE: {
        const { board } = statusOf.get(wsi.context)!;
        const edition = board.look();
        if (edition === user.seen) break;
        user.seen = edition;
        wsi.write(board.text, WriteProtocol.TEXT);
        break;
      }

      case CallbackReason.PROTOCOL_DESTROY:
        statusOf.get(wsi.context)?.publisher.end();
        statusOf.delete(wsi.context);
        break;
    }
  },
};

function readOptions(options: unknown): Required<LwsStatusOptions> {
  const { maxSessions = 500 } = (options ?? {}) as LwsStatusOptions;
  if (!(maxSessions > 0)) throw new TypeError("lws-status: maxSessions must be a positive number");
  return { maxSessions };
}

export default lwsStatus;
