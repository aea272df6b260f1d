/** The bytes that grammars of RFC 9110 and 9112 name. */
export const HTAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SP = 0x20;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const SEMICOLON = 0x3b;

function byteTable(allowed: RegExp): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (allowed.test(String.fromCharCode(byte)) ? 1 : 0));
}

/** 1 for each byte of a token: `tchar` of RFC 9110 section 5.6.2. */
export const TOKEN_BYTES = byteTable(/[!#$%&'*+\-.^_`|~0-9A-Za-z]/);

/** 1 for each byte of a field value: `field-vchar`, SP and HTAB of RFC 9110 section 5.5. */
export const VALUE_BYTES = byteTable(/[\t\x20-\x7e\x80-\xff]/);

/** 1 for each byte of a request target. A fragment never goes on the wire; all else that is visible may. */
export const TARGET_BYTES = byteTable(/[!"$-~]/);

function allIn(table: Uint8Array, text: string): boolean {
  for (let at = 0; at < text.length; at++) if (table[text.charCodeAt(at)] !== 1) return false;
  return true;
}

/** True for a token (RFC 9110 section 5.6.2); methods, header names and sub-protocol names are tokens. */
export function isToken(text: string): boolean {
  return text.length > 0 && allIn(TOKEN_BYTES, text);
}

/** True for what may stand behind the colon of a header: no CR, LF, NUL or other control, nothing above U+00FF. */
export function isFieldValue(text: string): boolean {
  return allIn(VALUE_BYTES, text);
}

/** True for the optional white space of RFC 9110 section 5.6.3. */
export function isBlank(code: number): boolean {
  return code === SP || code === HTAB;
}

/** The part `start` to `end` of `text` without blanks at its ends. */
export function trimmed(text: string, start = 0, end = text.length): string {
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

/**
 * The members of a comma-separated list without the blanks around them. Empty members are kept, so that the caller
 * may refuse or skip them. Knows no quoted strings: for lists of tokens only.
 */
export function splitList(value: string): string[] {
  return value.split(",").map((member) => trimmed(member));
}

/** True when `text` has the lower-case ASCII `word` at `at`, in whichever case. */
export function hasWordAt(text: string, at: number, word: string): boolean {
  for (let i = 0; i < word.length; i++) {
    const expected = word.charCodeAt(i);
    const code = text.charCodeAt(at + i);
    // Of letters alone, the bit of the case does not count.
    if (code !== expected && !(isLowerLetter(expected) && code === expected - 0x20)) return false;
  }
  return true;
}

/** True when `word`, given in lower case, is a member of the comma-separated list, in whichever case. */
export function listHas(value: string, word: string): boolean {
  let start = 0;
  for (;;) {
    while (start < value.length && isBlank(value.charCodeAt(start))) start++;
    const comma = value.indexOf(",", start);
    let end = comma === -1 ? value.length : comma;
    while (end > start && isBlank(value.charCodeAt(end - 1))) end--;
    if (end - start === word.length && hasWordAt(value, start, word)) return true;
    if (comma === -1) return false;
    start = comma + 1;
  }
}

function isLowerLetter(code: number): boolean {
  return code >= 0x61 && code <= 0x7a;
}
