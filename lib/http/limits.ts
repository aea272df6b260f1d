/** How much of a message is taken. Make one object of it for a server, and freeze it. */
export interface HttpLimits {
  /** Bytes of a head, from the request line to the blank line; also of a trailer section. 431 beyond. */
  readonly maxHeaderBytes: number;
  /** Headers in a head; also in a trailer section. 431 beyond. */
  readonly maxHeaderCount: number;
  /** Bytes of a body, without its framing. 413 beyond. */
  readonly maxBodyBytes: number;
}

/** Bytes of a request target (RFC 9112 section 3 asks for 8000 at least); 414 beyond. */
export const MAX_TARGET_BYTES = 8192;

/** Bytes of all chunk extensions of a body together; 413 beyond. Nobody uses them for good. */
export const MAX_CHUNK_EXTENSION_BYTES = 16_384;
