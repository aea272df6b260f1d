import { CallbackReason, type Context, type Protocol, WriteProtocol, type Wsi } from "sluice";
import { makeRelay } from "./relay.ts";
import type { Room } from "./room.ts";
import { Rooms } from "./rooms.ts";

/** What `lws-mirror-protocol` can be told. */
export interface LwsMirrorOptions {
  /** Messages that a room holds for its slowest reader. Default 256. */
  messages?: number;
  /** Bytes that a room holds for its slowest reader. Default 4 MiB. */
  bytes?: number;
  /** Milliseconds for which a reader may keep a full room waiting before it is cut. Default 3000. */
  cutAfter?: number;
  /** Rooms at a time; one more is refused with 503. Default 64. */
  maxRooms?: number;
}

interface Session {
  /** Set from ESTABLISHED on. */
  room?: Room;
}

const MAX_MESSAGE_SIZE = 65_536;
const MAX_NAME_LENGTH = 64;

const roomsOf = new WeakMap<Context, Rooms>();

/**
 * Sends each message to everybody in the same room, its sender included, in all processes that share a bus. The room is what `?mirror=name` says.
 * A session gets what is sent from its opening on.
 */
export const lwsMirror: Protocol<Session> = {
  name: "lws-mirror-protocol",
  wholeMessages: true,
  maxMessageSize: MAX_MESSAGE_SIZE,
  perSessionData: () => ({}),

  callback(wsi, reason, user, input) {
    switch (reason) {
      case CallbackReason.PROTOCOL_INIT:
        roomsOf.set(wsi.context, new Rooms(readOptions(input)));
        break;

      case CallbackReason.FILTER_PROTOCOL_CONNECTION:
        if (roomName(wsi).length > MAX_NAME_LENGTH)
          wsi.reject(400, {}, "The name of the mirror is too long.\n");
        else if (!roomsOf.get(wsi.context)!.hasPlaceFor(roomName(wsi))) {
          wsi.reject(503, {}, "There are too many mirrors already.\n");
        }
        break;

      case CallbackReason.ESTABLISHED:
        user.room = roomsOf.get(wsi.context)!.open(roomName(wsi));
        user.room.enter(wsi);
        break;

      case CallbackReason.RECEIVE:
        user.room?.share(input, wsi.frameIsBinary());
        relay(wsi, input);
        break;

      case CallbackReason.SERVER_WRITEABLE:
        user.room?.writeTo(wsi);
        break;

      case CallbackReason.BROADCAST:
        if (!roomsOf.get(wsi.context)!.takeBroadcast(input)) wsi.write(input, WriteProtocol.TEXT);
        break;

      case CallbackReason.TIMER:
        user.room?.onTimer(wsi);
        break;

      case CallbackReason.CLOSED:
        user.room?.leave(wsi);
        roomsOf.get(wsi.context)?.tidy(roomName(wsi));
        break;

      case CallbackReason.PROTOCOL_DESTROY:
        roomsOf.delete(wsi.context);
        break;
    }
  },
};

/** Gives a message to the mirrors of other processes, where a bus leads to some. */
function relay(wsi: Wsi<Session>, data: Buffer): void {
  if (!wsi.context.busStats) return;
  const message = { room: roomName(wsi), binary: wsi.frameIsBinary(), data };
  wsi.context.broadcast(lwsMirror, makeRelay(message), { filter: nobody });
}

/** The sessions of this process have it from their room. */
const nobody = () => false;

/** An empty name for the room of those who name none. */
function roomName(wsi: Wsi<Session>): string {
  return new URLSearchParams(wsi.query).get("mirror") ?? "";
}

function readOptions(options: unknown): Required<LwsMirrorOptions> {
  const given = (options ?? {}) as LwsMirrorOptions;
  const { messages = 256, bytes = 4_194_304, cutAfter = 3000, maxRooms = 64 } = given;
  // A quarter of the ring stays free above the high mark: the last message that comes in has to fit there.
  if (!(messages >= 4)) throw new TypeError("lws-mirror: messages must be at least 4");
  if (!(bytes >= 4 * MAX_MESSAGE_SIZE)) {
    throw new TypeError(`lws-mirror: bytes must be at least ${4 * MAX_MESSAGE_SIZE}`);
  }
  if (!(cutAfter > 0)) throw new TypeError("lws-mirror: cutAfter must be a positive number of milliseconds");
  if (!(maxRooms > 0)) throw new TypeError("lws-mirror: maxRooms must be a positive number");
  return { messages, bytes, cutAfter, maxRooms };
}

export default lwsMirror;
