import type { OutgoingHeaders } from "./fields.ts";
import { isFieldValue, isToken, listHas } from "./tokens.ts";

// What a header's name means to the message that it stands in.
const PLAIN = 0;
const TYPE = 1;
const LENGTH = 2;
const CONNECTION = 3;
const DATE = 4;
const FORBIDDEN = 5;

const SPECIAL: ReadonlyMap<string, number> = new Map([
  ["content-type", TYPE],
  ["content-length", LENGTH],
  ["connection", CONNECTION],
  ["date", DATE],
  ["transfer-encoding", FORBIDDEN],
]);

/** What is known of names that were checked before: an application writes the same few again and again. */
const known = new Map<string, number>();
/** Applications may make names up as they go; then they are checked each time. */
const MOST_KNOWN = 512;

/** @throws TypeError for a name that is no token, or not the application's to write. */
function kindOf(name: string): number {
  const before = known.get(name);
  if (before !== undefined) return before;
  if (!isToken(name)) throw new TypeError(`Header name ${JSON.stringify(name)} is not a token`);
  const kind = SPECIAL.get(name.toLowerCase()) ?? PLAIN;
  if (kind === FORBIDDEN) throw new TypeError("Header Transfer-Encoding is set by the server");
  if (known.size < MOST_KNOWN) known.set(name, kind);
  return kind;
}

/**
 * Checks a header of the application's own before anything of it is written.
 *
 * @throws TypeError for a name that is no token, a value with CR, LF, NUL, another control character or one above
 *   U+00FF in it, a Content-Length that is no number, and for Transfer-Encoding, which is not the application's to say.
 */
export function checkHeader(name: string, value: string | number | readonly string[]): void {
  const kind = kindOf(name);
  if (typeof value === "string" || typeof value === "number") checkValue(name, value);
  else for (const each of listOf(name, value)) checkValue(name, each);
  if (kind === LENGTH) lengthOf(value);
}

/** `checkHeader` for each of them. */
export function checkHeaders(headers: OutgoingHeaders): void {
  for (const name of Object.keys(headers)) checkHeader(name, headers[name]);
}

function listOf(name: string, value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw unsendable(name, value);
  return value;
}

function checkValue(name: string, value: unknown): void {
  const usable = typeof value === "string" || (typeof value === "number" && Number.isFinite(value));
  if (!usable || !isFieldValue(String(value))) throw unsendable(name, value);
}

function unsendable(name: string, value: unknown): TypeError {
  return new TypeError(`Header ${name} has a value that cannot be sent: ${JSON.stringify(value)}`);
}

function lengthOf(value: string | number | readonly string[]): number {
  const text = String(Array.isArray(value) && value.length !== 1 ? "several" : value);
  if (!/^[0-9]{1,15}$/.test(text)) {
    throw new TypeError(`Header Content-Length is not a number of bytes: ${JSON.stringify(value)}`);
  }
  return Number(text);
}

/** Headers that every reply has, made into text once. The application's own of the same name take their place. */
export class DefaultHeaders {
  /** All of them. */
  readonly text: string;
  readonly #lines: ReadonlyMap<string, string>;

  /** @throws TypeError as `checkHeader`. */
  constructor(headers: Readonly<Record<string, string>>) {
    checkHeaders(headers);
    const named = Object.entries(headers);
    this.#lines = new Map(named.map(([name, value]) => [name.toLowerCase(), `${name}: ${value}\r\n`]));
    this.text = [...this.#lines.values()].join("");
  }

  has(lowerName: string): boolean {
    return this.#lines.has(lowerName);
  }

  /** Those that are not named, in lower case. */
  without(names: readonly string[]): string {
    let text = "";
    for (const [name, line] of this.#lines) if (!names.includes(name)) text += line;
    return text;
  }
}

/**
 * The application's headers, checked and put into text in one walk. What concerns the message itself is kept apart, for
 * the head may have its own.
 */
export class OutgoingFields {
  /** The lines of all but those below. */
  text = "";
  typed = false;
  contentLength: number | undefined = undefined;
  /** True when Connection says `close`. */
  closes = false;
  // Their lines, as the application wrote them.
  lengthLine = "";
  connectionLine = "";
  dateLine = "";
  #typeLine = "";
  readonly #defaults: DefaultHeaders | null;
  #replaced: string[] | null = null;

  constructor(defaults: DefaultHeaders | null = null) {
    this.#defaults = defaults;
  }

  /** @throws TypeError as `checkHeader`. */
  add(headers: OutgoingHeaders): this {
    for (const name of Object.keys(headers)) {
      const value = headers[name];
      if (typeof value === "object") this.#addList(name, value);
      else this.#addOne(name, value, kindOf(name));
      if (this.#defaults?.has(name.toLowerCase())) (this.#replaced ??= []).push(name.toLowerCase());
    }
    return this;
  }

  /** The default headers that the application has not replaced. */
  get defaultText(): string {
    if (this.#defaults === null) return "";
    return this.#replaced === null ? this.#defaults.text : this.#defaults.without(this.#replaced);
  }

  #addList(name: string, value: readonly string[]): void {
    const kind = kindOf(name);
    if (kind === LENGTH) lengthOf(value);
    for (const each of listOf(name, value)) this.#addOne(name, each as string, kind);
  }

  #addOne(name: string, value: string | number, kind: number): void {
    checkValue(name, value);
    const line = `${name}: ${value}\r\n`;
    if (kind === PLAIN) this.text += line;
    else this.#addSpecial(kind, value, line);
  }

  #addSpecial(kind: number, value: string | number, line: string): void {
    if (kind === TYPE) {
      // Of two the later one counts: a body has one type.
      if (this.typed) this.text = this.text.replace(this.#typeLine, "");
      this.typed = true;
      this.#typeLine = line;
      this.text += line;
    } else if (kind === LENGTH) {
      this.contentLength = lengthOf(value);
      this.lengthLine = line;
    } else if (kind === CONNECTION) {
      this.closes ||= listHas(String(value), "close");
      this.connectionLine += line;
    } else this.dateLine += line;
  }
}
