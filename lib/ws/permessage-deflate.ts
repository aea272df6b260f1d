import { type DeflateSettings, DICTIONARY_SIZE } from "../base/codec.ts";
import { DeflateSession, type DeflateTerms } from "./deflate.ts";
import { type Extension, type ExtensionAgreement, type ExtensionParameters, RSV1 } from "./extension.ts";

/**
 * How messages are compressed. As zlib and most other implementations have it, unless said otherwise.
 *
 * What it costs: time on the thread for each message, about 25 µs to take a kilobyte of JSON and to send one where the
 * loop can keep compressors (epoll), twice that where it has to make them (node); and with context takeover, memory for
 * each session that compresses, which grows with its messages up to what the fields below tell.
 */
export interface PermessageDeflateOptions {
  /**
   * The server compresses each message by itself. Default false: messages refer to earlier ones, which makes small
   * ones that are alike much smaller, and costs the server up to 2 KiB a session and the client up to 32 KiB.
   */
  serverNoContextTakeover?: boolean;
  /** The same for the client. Default false: up to 32 KiB for each session of a server, 2 KiB at the client. */
  clientNoContextTakeover?: boolean;
  /**
   * 9 to 15: the server refers back at most 2 to the power of this many bytes. Default 15, 32 KiB. Each step less
   * halves what the client has to keep, and finds fewer repetitions.
   */
  serverMaxWindowBits?: number;
  /**
   * The same for the client. Default 15. A server can ask it of clients only that offer to limit themselves, as most
   * browsers do; the others go on with 15.
   */
  clientMaxWindowBits?: number;
  /**
   * Messages of fewer bytes go plain: compressing them takes longer than it saves. Default 1024. A message that begins
   * with a fragment is always compressed.
   */
  threshold?: number;
  /** 1 fast to 9 small. Default 6, from where on more time saves few bytes. */
  level?: number;
  /** 1 to 9: 2 to the power of this plus 9 bytes for a compressor, which sessions share. Default 8, 128 KiB. */
  memLevel?: number;
}

const DEFAULTS: Readonly<Required<PermessageDeflateOptions>> = Object.freeze({
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
  threshold: 1024,
  level: 6,
  memLevel: 8,
});

/** Least and most of the options that are whole numbers; the others are flags. */
const RANGES: ReadonlyMap<string, readonly [least: number, most: number]> = new Map([
  ["serverMaxWindowBits", [9, 15]],
  ["clientMaxWindowBits", [9, 15]],
  ["threshold", [0, Number.MAX_SAFE_INTEGER]],
  ["level", [1, 9]],
  ["memLevel", [1, 9]],
]);

/** The window when nobody limits it. */
const MAX_BITS = 15;
/** The smallest window that zlib compresses with: asked for 8 bits it silently takes 9, which the peer cannot read. */
const MIN_SEND_BITS = 9;

/**
 * The extension permessage-deflate (RFC 7692): `extensions: [permessageDeflate()]`.
 *
 * @throws TypeError that names the option, for one that does not exist or is not what it has to be.
 */
export function permessageDeflate(options: PermessageDeflateOptions = {}): Extension {
  if (typeof options !== "object" || options === null) {
    throw new TypeError("permessageDeflate takes an object of options");
  }
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  for (const [name, value] of given) check(name, value);
  return new PermessageDeflate({ ...DEFAULTS, ...Object.fromEntries(given) });
}

function check(name: string, value: unknown): void {
  if (!Object.hasOwn(DEFAULTS, name))
    throw new TypeError(`${name}: there is no such option of permessageDeflate`);
  const range = RANGES.get(name);
  if (range === undefined) {
    if (typeof value !== "boolean") throw new TypeError(`${name}: has to be true or false`);
    return;
  }
  const [least, most] = range;
  if (!Number.isInteger(value) || (value as number) < least || (value as number) > most) {
    throw new TypeError(`${name}: has to be a whole number, ${least} to ${most}`);
  }
}

/** The parameters of section 7.1. Bits are undefined where the parameter is missing, and null where it has no value. */
interface Parameters {
  serverNoContextTakeover: boolean;
  clientNoContextTakeover: boolean;
  serverMaxWindowBits: number | undefined;
  clientMaxWindowBits: number | null | undefined;
}

class PermessageDeflate implements Extension {
  readonly name = "permessage-deflate";
  readonly rsv = RSV1;
  readonly #options: Readonly<Required<PermessageDeflateOptions>>;
  /** By window bits, less `MIN_SEND_BITS`. */
  readonly #settings: readonly DeflateSettings[];

  constructor(options: Readonly<Required<PermessageDeflateOptions>>) {
    const { level, memLevel } = options;
    this.#options = options;
    this.#settings = Array.from({ length: MAX_BITS - MIN_SEND_BITS + 1 }, (_, i) =>
      Object.freeze({ level, memLevel, windowBits: MIN_SEND_BITS + i }),
    );
  }

  /*
   * What is answered (sections 7.1.1 and 7.1.2); S and C are the option of that name, 15 unless set.
   *
   *   offered                        answered
   *   server_no_context_takeover     the same; also unasked where the option is set
   *   client_no_context_takeover     the same, since the client will not use it anyway; also unasked
   *   server_max_window_bits=N       the lesser of N and S, always; 8 declines the offer, see MIN_SEND_BITS
   *   no server_max_window_bits      S, unless it is 15
   *   client_max_window_bits=N       the lesser of N and C, unless it is 15
   *   client_max_window_bits         C, unless it is 15
   *   no client_max_window_bits      nothing, for it must not be answered: the client's window is 15
   *   anything else                  the offer is declined, the next one considered
   */
  accept(offers: readonly ExtensionParameters[]): ExtensionAgreement | null {
    for (const offer of offers) {
      const offered = readParameters(offer);
      if (offered === null || (offered.serverMaxWindowBits ?? MAX_BITS) < MIN_SEND_BITS) continue;
      const answer = this.#answer(offered);
      const { serverNoContextTakeover, clientNoContextTakeover } = answer;
      const sendBits = answer.serverMaxWindowBits ?? MAX_BITS;
      const receiveBits = answer.clientMaxWindowBits ?? MAX_BITS;
      return agreement(
        writeParameters(answer),
        this.#terms(sendBits, !serverNoContextTakeover, receiveBits, !clientNoContextTakeover),
      );
    }
    return null;
  }

  #answer(offered: Parameters): Parameters {
    const { serverNoContextTakeover, clientNoContextTakeover, ...limits } = this.#options;
    const serverBits = Math.min(offered.serverMaxWindowBits ?? MAX_BITS, limits.serverMaxWindowBits);
    const clientBits = Math.min(offered.clientMaxWindowBits ?? MAX_BITS, limits.clientMaxWindowBits);
    const sayServer = offered.serverMaxWindowBits !== undefined || serverBits < MAX_BITS;
    const sayClient = offered.clientMaxWindowBits !== undefined && clientBits < MAX_BITS;
    return {
      serverNoContextTakeover: offered.serverNoContextTakeover || serverNoContextTakeover,
      clientNoContextTakeover: offered.clientNoContextTakeover || clientNoContextTakeover,
      serverMaxWindowBits: sayServer ? serverBits : undefined,
      clientMaxWindowBits: sayClient ? clientBits : undefined,
    };
  }

  /** One offer: what is limited has to be, and the server may limit our own window. */
  offer(): readonly ExtensionParameters[] {
    const { serverMaxWindowBits, clientMaxWindowBits } = this.#options;
    return [
      writeParameters({
        ...this.#options,
        serverMaxWindowBits: serverMaxWindowBits < MAX_BITS ? serverMaxWindowBits : undefined,
        clientMaxWindowBits: clientMaxWindowBits < MAX_BITS ? clientMaxWindowBits : null,
      }),
    ];
  }

  agree(answer: ExtensionParameters): ExtensionAgreement | null {
    const answered = readParameters(answer);
    if (answered === null || !this.#isAnswer(answered)) return null;
    const limits = this.#options;
    const sendBits = Math.min(answered.clientMaxWindowBits ?? MAX_BITS, limits.clientMaxWindowBits);
    const sendTakeover = !(answered.clientNoContextTakeover || limits.clientNoContextTakeover);
    const receiveBits = answered.serverMaxWindowBits ?? MAX_BITS;
    return agreement(
      answer,
      this.#terms(sendBits, sendTakeover, receiveBits, !answered.serverNoContextTakeover),
    );
  }

  /** A server accepts a limit of its own by naming it, and may set more of them; it may not lift any. */
  #isAnswer(answered: Parameters): boolean {
    const offered = this.#options;
    if (offered.serverNoContextTakeover && !answered.serverNoContextTakeover) return false;
    if ((answered.serverMaxWindowBits ?? MAX_BITS) > offered.serverMaxWindowBits) return false;
    const { clientMaxWindowBits } = answered;
    // In an answer it has to have a value (section 7.1.2.2).
    if (clientMaxWindowBits === null) return false;
    return clientMaxWindowBits === undefined || clientMaxWindowBits <= offered.clientMaxWindowBits;
  }

  #terms(
    sendBits: number,
    sendTakeover: boolean,
    receiveBits: number,
    receiveTakeover: boolean,
  ): DeflateTerms {
    return {
      // A server may ask for 8, the one limit that we cannot keep to but by sending all plain.
      settings: this.#settings[sendBits - MIN_SEND_BITS] ?? null,
      threshold: this.#options.threshold,
      sendWindow: sendTakeover ? Math.min(2 ** sendBits, DICTIONARY_SIZE) : 0,
      receiveWindow: receiveTakeover ? 2 ** receiveBits : 0,
    };
  }
}

function agreement(parameters: ExtensionParameters, terms: DeflateTerms): ExtensionAgreement {
  return { parameters, open: ({ codec }) => new DeflateSession(codec, terms) };
}

/** Null for a parameter that does not exist, and for a value that is none of its own (sections 7.1.1 and 7.1.2). */
function readParameters(parameters: ExtensionParameters): Parameters | null {
  const read: Parameters = {
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    serverMaxWindowBits: undefined,
    clientMaxWindowBits: undefined,
  };
  for (const [name, value] of parameters) {
    if (name === "server_no_context_takeover" && value === null) read.serverNoContextTakeover = true;
    else if (name === "client_no_context_takeover" && value === null) read.clientNoContextTakeover = true;
    else if (name === "client_max_window_bits" && value === null) read.clientMaxWindowBits = null;
    else if (value === null || !WINDOW_BITS.test(value)) return null;
    else if (name === "server_max_window_bits") read.serverMaxWindowBits = Number(value);
    else if (name === "client_max_window_bits") read.clientMaxWindowBits = Number(value);
    else return null;
  }
  return read;
}

/** 8 to 15 without leading zeros. */
const WINDOW_BITS = /^(?:[89]|1[0-5])$/;

function writeParameters(parameters: Parameters): ExtensionParameters {
  const written = new Map<string, string | null>();
  const { serverMaxWindowBits, clientMaxWindowBits } = parameters;
  if (parameters.serverNoContextTakeover) written.set("server_no_context_takeover", null);
  if (parameters.clientNoContextTakeover) written.set("client_no_context_takeover", null);
  if (serverMaxWindowBits !== undefined) written.set("server_max_window_bits", `${serverMaxWindowBits}`);
  if (clientMaxWindowBits !== undefined) {
    written.set("client_max_window_bits", clientMaxWindowBits === null ? null : `${clientMaxWindowBits}`);
  }
  return written;
}
