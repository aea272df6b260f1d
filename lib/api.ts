/**
 * The public interface, to be read from top to bottom: the options of a context, the context, a protocol and its
 * callback, the reasons it is called for, and the connection it is called with.
 */

export * from "./api/bodies.ts";
export * from "./api/client.ts";
export * from "./api/context.ts";
export * from "./api/fork.ts";
export * from "./api/http-error.ts";
export * from "./api/options.ts";
export * from "./api/protocol.ts";
export * from "./api/reasons.ts";
export * from "./api/tls.ts";
export * from "./api/wsi.ts";
export type { Codec } from "./base/codec.ts";
export type { Logger } from "./base/log.ts";
export * from "./ws/extension.ts";
export { type PermessageDeflateOptions, permessageDeflate } from "./ws/permessage-deflate.ts";
