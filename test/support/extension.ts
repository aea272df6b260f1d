import type { Extension, ExtensionSession } from "../../lib/index.ts";

/** What a toy extension is to do otherwise. */
export interface ToyOptions {
  name?: string;
  rsv?: number;
  session?: Partial<ExtensionSession>;
}

/**
 * An extension of nobody's that turns payloads round: messages with a capital letter in front. What it does can be
 * read off the wire.
 */
export function reversing({ name = "x-reverse", rsv = 0x40, session = {} }: ToyOptions = {}): Extension {
  const agreement = {
    parameters: new Map([["toy", null]]),
    open: () => ({ ...reversingSession(), ...session }),
  };
  return {
    name,
    rsv,
    accept: () => agreement,
    offer: () => [new Map()],
    agree: () => agreement,
  };
}

function reversingSession(): ExtensionSession {
  const turned = (bytes: Uint8Array) => Buffer.from(bytes).reverse();
  return {
    encode(payload, first) {
      const capital = payload[0] >= 0x41 && payload[0] <= 0x5a;
      return first && !capital ? null : turned(payload);
    },
    decode: (payload, start, end) => turned(payload.subarray(start, end)),
  };
}
