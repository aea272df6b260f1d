import { type Failure, isCloseCode } from "./codes.ts";
import type { Extension, ExtensionAgreement, ExtensionSession, ExtensionTools } from "./extension.ts";
import { type ExtensionOffer, formatExtensions } from "./extension-header.ts";

/** What a handshake came to; good for one session. */
export interface Negotiated {
  /** The value of Sec-WebSocket-Extensions in the server's response; undefined for no such header. */
  readonly header: string | undefined;
  /** The reserved bits that frames may have, or-ed. */
  readonly rsv: number;
  /** Begins the session's part; null when nothing was agreed on. */
  open(tools: ExtensionTools): ExtensionStack | null;
}

/** Nothing was agreed on. */
export const NO_EXTENSIONS: Negotiated = Object.freeze({ header: undefined, rsv: 0, open: () => null });

interface Agreed {
  readonly extension: Extension;
  readonly agreement: ExtensionAgreement;
}

/**
 * Server: answers a client's offers.
 *
 * The answer is in the client's order, which is the order in which the extensions are applied. Each extension chooses
 * among all offers of its name. Offers of other names, and void ones, are passed over in silence (RFC 6455 section 9.1);
 * and of two extensions with the same reserved bit, the one that the client prefers is taken.
 */
export function negotiate(extensions: readonly Extension[], offers: readonly ExtensionOffer[]): Negotiated {
  const agreed: Agreed[] = [];
  const asked = new Set<Extension>();
  let rsv = 0;
  for (const { name } of offers) {
    const extension = extensions.find((each) => each.name === name);
    if (extension === undefined || asked.has(extension) || (rsv & extension.rsv) !== 0) continue;
    asked.add(extension);
    const agreement = accept(extension, offers);
    if (agreement === null) continue;
    agreed.push({ extension, agreement });
    rsv |= extension.rsv;
  }
  return negotiated(agreed, rsv);
}

function accept(extension: Extension, offers: readonly ExtensionOffer[]): ExtensionAgreement | null {
  const own = offers.flatMap(({ name, parameters }) =>
    name === extension.name && parameters !== null ? [parameters] : [],
  );
  return own.length === 0 ? null : extension.accept(own);
}

/** Client: the value of Sec-WebSocket-Extensions in the request; undefined for no such header. */
export function offerHeader(extensions: readonly Extension[]): string | undefined {
  const offers = extensions.flatMap((extension) =>
    extension.offer().map((parameters) => ({ name: extension.name, parameters })),
  );
  return offers.length === 0 ? undefined : formatExtensions(offers);
}

/**
 * Client: takes the server's answers. Null when one of them answers no offer of ours, comes twice, or takes a reserved
 * bit that another one has: the handshake fails (RFC 6455 section 4.1).
 */
export function agreeOn(
  extensions: readonly Extension[],
  answers: readonly ExtensionOffer[],
): Negotiated | null {
  const agreed: Agreed[] = [];
  let rsv = 0;
  for (const { name, parameters } of answers) {
    const extension = extensions.find((each) => each.name === name);
    // The second answer of the same name finds its own bit taken.
    if (extension === undefined || parameters === null || (rsv & extension.rsv) !== 0) return null;
    const agreement = extension.agree(parameters);
    if (agreement === null) return null;
    agreed.push({ extension, agreement });
    rsv |= extension.rsv;
  }
  return negotiated(agreed, rsv);
}

function negotiated(agreed: readonly Agreed[], rsv: number): Negotiated {
  if (agreed.length === 0) return NO_EXTENSIONS;
  const answers = agreed.map(({ extension, agreement }) => ({
    name: extension.name,
    parameters: agreement.parameters,
  }));
  return {
    header: formatExtensions(answers),
    rsv,
    open: (tools) =>
      agreed.reduceRight<ExtensionStack | null>(
        (next, { extension, agreement }) => new ExtensionStack(agreement.open(tools), extension.rsv, next),
        null,
      ),
  };
}

/**
 * The extensions of a session, at least one: the first of the server's answer, and those behind it.
 *
 * Of `foo, bar` what is sent goes through foo and then through bar, what arrives through bar and then through foo
 * (RFC 6455 section 9.1).
 */
export class ExtensionStack {
  readonly #session: ExtensionSession;
  readonly #bit: number;
  readonly #next: ExtensionStack | null;
  readonly #threshold: number;
  /** The extension works on the message that is being sent. */
  #takes = false;

  constructor(session: ExtensionSession, bit: number, next: ExtensionStack | null) {
    this.#session = session;
    this.#bit = bit;
    this.#next = next;
    this.#threshold = Math.min(
      session.threshold ?? 0,
      next === null ? Number.POSITIVE_INFINITY : next.#threshold,
    );
  }

  /** True when a whole message of at most so many bytes is left alone by all of them. */
  leaves(length: number): boolean {
    return length < this.#threshold;
  }

  /** The reserved bits for the first frame of the message that was last given to `encode`. */
  get rsv(): number {
    const own = this.#takes ? this.#bit : 0;
    return this.#next === null ? own : own | this.#next.rsv;
  }

  /**
   * The payload to send in place of this message, or fragment of one; lent until the next call.
   *
   * @param first - Here the message begins, @param final - and here it ends.
   * @param plain - Leave the message as it is. Counts with its first fragment only; the others follow that one.
   */
  encode(payload: Uint8Array, first: boolean, final: boolean, plain = false): Uint8Array {
    if (first) this.#takes = !plain;
    if (this.#takes) {
      const encoded = this.#session.encode(payload, first, final);
      if (encoded === null) this.#takes = false;
      else payload = encoded;
    }
    return this.#next === null ? payload : this.#next.encode(payload, first, final, plain);
  }

  /**
   * What a whole message was, of which bytes `start` to `end` have arrived, or why the connection fails; lent until
   * the next call.
   *
   * @param rsv - Reserved bits of its first frame.
   * @param maxLength - The most bytes of the message, and of each form of it between two extensions.
   */
  decode(rsv: number, payload: Buffer, start: number, end: number, maxLength: number): Buffer | Failure {
    if (this.#next !== null) {
      const inner = this.#next.decode(rsv, payload, start, end, maxLength);
      if (!(inner instanceof Uint8Array)) return inner;
      payload = inner;
      start = 0;
      end = inner.length;
    }
    if ((rsv & this.#bit) === 0) return payload.subarray(start, end);
    const plain = this.#session.decode(payload, start, end, maxLength);
    if (!(plain instanceof Uint8Array) || Buffer.isBuffer(plain)) return checkFailure(plain);
    return Buffer.from(plain.buffer, plain.byteOffset, plain.length);
  }

  /** The session is over. */
  close(): void {
    try {
      this.#session.close?.();
    } finally {
      this.#next?.close();
    }
  }
}

/** @throws TypeError for what is neither bytes nor a failure, which only an extension without types can give. */
function checkFailure(result: Buffer | Failure): Buffer | Failure {
  if (Buffer.isBuffer(result)) return result;
  const { code, reason } = (result ?? {}) as Partial<Failure>;
  if (isCloseCode(code ?? 0) && typeof reason === "string") return result;
  throw new TypeError("decode of an extension gives bytes, or a failure with a close code and a reason");
}
