import { fieldCount, fieldRecord, fieldValue, type HeaderRecord } from "./fields.ts";

/** What the heads of requests and responses have in common: their text, and the fields in it. */
export class MessageHead {
  /** The head as it came, from its first byte to the end of the blank line, one character a byte (latin1). */
  readonly raw: string;
  readonly #fieldsAt: number;
  #headers: HeaderRecord | undefined = undefined;

  /** @param fieldsAt - Where the first field begins in `raw`. */
  constructor(raw: string, fieldsAt: number) {
    this.raw = raw;
    this.#fieldsAt = fieldsAt;
  }

  /**
   * The headers by lower-case name, without a prototype; several of a name are joined by `", "`, cookies by `"; "`.
   * Parsed when first asked for, then kept.
   */
  get headers(): Readonly<HeaderRecord> {
    this.#headers ??= fieldRecord(this.raw, this.#fieldsAt);
    return this.#headers;
  }

  /** The value of one header, joined as in `headers`. Builds nothing else. `name` in lower case. */
  get(name: string): string | undefined {
    return fieldValue(this.raw, this.#fieldsAt, name);
  }

  /** How often a header came. `name` in lower case. */
  count(name: string): number {
    return fieldCount(this.raw, this.#fieldsAt, name);
  }
}
