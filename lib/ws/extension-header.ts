import { COMMA, isBlank, SEMICOLON, TOKEN_BYTES } from "../http/tokens.ts";
import type { ExtensionParameters } from "./extension.ts";

/** An element of Sec-WebSocket-Extensions: an offer in a request, an answer in a response. */
export interface ExtensionOffer {
  readonly name: string;
  /** Null when one of the parameters came twice, which makes the offer void. */
  readonly parameters: ExtensionParameters | null;
}

const EQUALS = 0x3d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

const NO_PARAMETERS: ExtensionParameters = new Map();

/**
 * The extensions that a value of Sec-WebSocket-Extensions lists, several headers joined by commas; null when it does
 * not follow the grammar of RFC 6455 section 9.1, at which the handshake fails. Takes time linear in the length.
 *
 * Empty elements and blanks around every sign are let through, unlike in lists of sub-protocols: section 9.1 takes
 * its `#` and its white space from RFC 2616 section 2.1, which allows both, and one element has to be there.
 */
export function parseExtensions(value: string): readonly ExtensionOffer[] | null {
  const reader = new Reader(value);
  const offers: ExtensionOffer[] = [];
  do {
    const name = reader.token();
    if (name === "") continue;
    const offer = readOffer(name, reader);
    if (offer === null) return null;
    offers.push(offer);
  } while (reader.take(COMMA));
  return reader.atEnd && offers.length > 0 ? offers : null;
}

/** The parameters behind a name; null when they do not follow the grammar. */
function readOffer(name: string, reader: Reader): ExtensionOffer | null {
  if (!reader.take(SEMICOLON)) return { name, parameters: NO_PARAMETERS };
  const parameters = new Map<string, string | null>();
  let twice = false;
  do {
    const key = reader.token();
    const value = reader.take(EQUALS) ? reader.value() : null;
    if (key === "" || value === "") return null;
    twice ||= parameters.has(key);
    parameters.set(key, value);
  } while (reader.take(SEMICOLON));
  return { name, parameters: twice ? null : parameters };
}

/** The value of Sec-WebSocket-Extensions that lists these. Names and values are tokens. */
export function formatExtensions(
  list: readonly { readonly name: string; readonly parameters: ExtensionParameters }[],
): string {
  return list
    .map(({ name, parameters }) =>
      [name, ...Array.from(parameters, ([key, value]) => (value === null ? key : `${key}=${value}`))].join(
        "; ",
      ),
    )
    .join(", ");
}

/** Goes through a value once, word by word. */
class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get atEnd(): boolean {
    this.#skipBlanks();
    return this.#at === this.#text.length;
  }

  /** Takes the sign if it comes next. */
  take(sign: number): boolean {
    this.#skipBlanks();
    if (this.#text.charCodeAt(this.#at) !== sign) return false;
    this.#at++;
    return true;
  }

  /** The token that comes next; empty when none does. */
  token(): string {
    this.#skipBlanks();
    const start = this.#at;
    while (TOKEN_BYTES[this.#text.charCodeAt(this.#at)] === 1) this.#at++;
    return this.#text.slice(start, this.#at);
  }

  /** A token, or a quoted string whose content is one, as the grammar demands; empty when neither comes next. */
  value(): string {
    return this.take(QUOTE) ? this.#quoted() : this.token();
  }

  #quoted(): string {
    let content = "";
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === QUOTE) break;
      if (code === BACKSLASH) this.#at++;
      if (TOKEN_BYTES[this.#text.charCodeAt(this.#at)] !== 1) return "";
      content += this.#text[this.#at++];
    }
    this.#at++;
    return content;
  }

  #skipBlanks(): void {
    while (isBlank(this.#text.charCodeAt(this.#at))) this.#at++;
  }
}
