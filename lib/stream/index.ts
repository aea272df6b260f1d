/*
 * The pull face, after libdill: a WebSocket over any Duplex, both roles, whose every call may have a deadline.
 *
 *   const socket = await wsAttachServer(stream, { flags: WS_TEXT, deadline: now() + 1000 });
 *   await socket.msend("Hello, world!");
 *   const answer = await socket.mrecv({ deadline: now() + 1000 });
 *   await socket.detach(1000, "OK");
 */
export type { OutgoingHeaders } from "../http/fields.ts";
export { wsAttachClient, wsAttachClientMem, wsAttachServer, wsAttachServerMem } from "./attach.ts";
export type { PeerClose } from "./connection.ts";
export { type Deadline, now, type Until } from "./deadline.ts";
export { WsError, type WsErrorCode } from "./errors.ts";
export { wsRequestKey, wsResponseKey } from "./keys.ts";
export type { AcceptOptions, AttachOptions, ConnectOptions, StorageOption, UpgradeAsked } from "./options.ts";
export { WS_BINARY, WS_NOHTTP, WS_TEXT } from "./options.ts";
export type { RecvOptions, WsSocket } from "./socket.ts";
export { WsStorage } from "./storage.ts";
export type { Message } from "./web.ts";
