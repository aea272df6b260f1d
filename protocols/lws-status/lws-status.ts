import { CallbackReason, type Context, type Protocol, WriteProtocol } from "sluice";
import { Board, LOOK_EVERY } from "./board.ts";

export type { SessionReport } from "./board.ts";

/** What `lws-status` can be told. */
export interface LwsStatusOptions {
  /** Sessions in the list; what is beyond is left out. Default 500. */
  maxSessions?: number;
}

interface Session {
  /** The edition of the board that was sent last. */
  seen: number;
}

const boards = new WeakMap<Context, Board>();

/**
 * Sends the list of all sessions of the context, of every protocol, as a JSON array: on opening, and whenever it has
 * changed.
 */
export const lwsStatus: Protocol<Session> = {
  name: "lws-status",
  perSessionData: () => ({ seen: -1 }),

  callback(wsi, reason, user, input) {
    switch (reason) {
      case CallbackReason.PROTOCOL_INIT:
        boards.set(wsi.context, new Board(wsi.context, readOptions(input).maxSessions));
        break;

      case CallbackReason.ESTABLISHED:
        wsi.callbackOnWritable();
        wsi.setTimer(LOOK_EVERY);
        break;

      case CallbackReason.TIMER:
        if (boards.get(wsi.context)!.look() !== user.seen) wsi.callbackOnWritable();
        wsi.setTimer(LOOK_EVERY);
        break;

      case CallbackReason.SERVER_WRITEABLE: {
        const board = boards.get(wsi.context)!;
        const edition = board.look();
        if (edition === user.seen) break;
        user.seen = edition;
        wsi.write(board.text, WriteProtocol.TEXT);
        break;
      }

      case CallbackReason.PROTOCOL_DESTROY:
        boards.delete(wsi.context);
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
