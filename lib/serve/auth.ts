import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { isSettled } from "./facts.ts";
import { holds, readText, type Witness } from "./source.ts";

/** Who may have what lies in a mount, by HTTP's Basic scheme (RFC 7617). */
export type AuthOptions =
  | { readonly realm: string; readonly file: string }
  | {
      readonly realm: string;
      readonly check: (user: string, password: string, path: string) => boolean | Promise<boolean>;
    };

/** What a client says of itself. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** Decides about requests. */
export interface Guard {
  /** The WWW-Authenticate of a 401. */
  readonly challenge: string;
  /**
   * Decides by the Authorization header. Throws and rejects as the application's check does, and throws when the file of
   * passwords cannot be read.
   *
   * @param path - A result of `resolvePath`, so that guard and file see the same one.
   */
  admits(header: string | undefined, path: string): boolean | Promise<boolean>;
}

/** Makes the guard of options that were checked. */
export function makeGuard(options: AuthOptions): Guard {
  const challenge = `Basic realm="${options.realm.replace(/["\\]/g, "\\$&")}", charset="UTF-8"`;
  return "file" in options
    ? new FileGuard(challenge, options.file)
    : new CheckGuard(challenge, options.check);
}

const BASIC = /^basic +((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/i;
// biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 7617 section 2 forbids control characters.
const CONTROL = /[\x00-\x1f\x7f]/;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** User and password of an Authorization header; null when it holds none that could be right. */
export function parseBasic(header: string | undefined): Credentials | null {
  const encoded = header === undefined ? undefined : BASIC.exec(header)?.[1];
  if (encoded === undefined) return null;
  let text: string;
  try {
    text = utf8.decode(Buffer.from(encoded, "base64"));
  } catch {
    return null;
  }
  const colon = text.indexOf(":");
  if (colon === -1 || CONTROL.test(text)) return null;
  return { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** The application decides. */
class CheckGuard implements Guard {
  readonly challenge: string;
  readonly #check: (user: string, password: string, path: string) => boolean | Promise<boolean>;

  constructor(
    challenge: string,
    check: (user: string, password: string, path: string) => boolean | Promise<boolean>,
  ) {
    this.challenge = challenge;
    this.#check = check;
  }

  admits(header: string | undefined, path: string): boolean | Promise<boolean> {
    const given = parseBasic(header);
    if (given === null) return false;
    const answer: unknown = this.#check(given.user, given.password, path);
    if (typeof answer === "object" && answer !== null) return Promise.resolve(answer).then(isTrue);
    return isTrue(answer);
  }
}

/** Nothing else lets anybody in, whatever a check without types returns. */
function isTrue(answer: unknown): boolean {
  return answer === true;
}

/** Passwords are compared by their hashes under this key: of one length, and of no use to who finds them. */
const KEY = randomBytes(32);
/** Stands for the password of a user whom nobody knows, so that the same work is done for one. */
const NOBODY = randomBytes(32);
const MAX_FILE_BYTES = 1_048_576;

/** A file of lines `user:password`, as libwebsockets has it, decides; read again when it has changed. */
class FileGuard implements Guard {
  readonly challenge: string;
  readonly #file: string;
  #hashes: ReadonlyMap<string, Buffer> = new Map();
  /** Null while the file may have changed unnoticed. */
  #witness: Witness | null = null;

  constructor(challenge: string, file: string) {
    this.challenge = challenge;
    this.#file = file;
  }

  admits(header: string | undefined): boolean {
    const given = parseBasic(header);
    if (given === null) return false;
    if (this.#witness === null || !holds(this.#witness)) this.#read();
    const expected = this.#hashes.get(given.user);
    const same = timingSafeEqual(hash(given.password), expected ?? NOBODY);
    return same && expected !== undefined;
  }

  #read(): void {
    this.#witness = null;
    const { text, state } = readText(this.#file, MAX_FILE_BYTES);
    this.#hashes = hashesOf(text);
    if (isSettled(state, Date.now())) this.#witness = { path: this.#file, expected: state, follows: true };
  }
}

function hashesOf(text: string): Map<string, Buffer> {
  const hashes = new Map<string, Buffer>();
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon !== -1) hashes.set(line.slice(0, colon), hash(line.slice(colon + 1)));
  }
  return hashes;
}

function hash(password: string): Buffer {
  return createHmac("sha256", KEY).update(password).digest();
}
