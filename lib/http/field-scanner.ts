import { FAULTS, type HttpFault } from "./fault.ts";
import { COLON, CR, LF, TOKEN_BYTES, VALUE_BYTES } from "./tokens.ts";

const LINE = 0;
const NAME = 1;
const VALUE = 2;
const VALUE_LF = 3;
const LAST_LF = 4;
const DONE = 5;

/**
 * Checks the headers of a head, or the trailers of a chunked body, up to the blank line behind them. It keeps no
 * bytes, only where it stands, so that they may come in any cuts.
 *
 * ```
 *          tchar       ':'         CR            LF
 *   LINE ────────► NAME ───► VALUE ───► VALUE_LF ───┐
 *    ▲ │                                            │
 *    └─┼────────────────────────────────────────────┘
 *      └─ CR ─► LAST_LF ─ LF ─► DONE
 * ```
 *
 * A line that begins with a blank (a folded one, RFC 9112 section 5.2) and a blank before the colon are no tokens,
 * and so fail like any other wrong byte.
 */
export class FieldScanner {
  fault: HttpFault | undefined = undefined;
  #state = LINE;
  #count = 0;

  get done(): boolean {
    return this.#state === DONE;
  }

  reset(): void {
    this.fault = undefined;
    this.#state = LINE;
    this.#count = 0;
  }

  /** Takes bytes until the blank line is over, one is wrong (`fault`), or there are no more. Returns where it stopped. */
  scan(buffer: Uint8Array, at: number, end: number, maxCount: number): number {
    while (at < end) {
      switch (this.#state) {
        case LINE:
          if (buffer[at] === CR) {
            this.#state = LAST_LF;
            at++;
            break;
          }
          if (TOKEN_BYTES[buffer[at]] !== 1) return this.#fail(at, FAULTS.fieldName);
          if (this.#count++ === maxCount) return this.#fail(at, FAULTS.tooManyFields);
          this.#state = NAME;
          break;
        case NAME:
          while (at < end && TOKEN_BYTES[buffer[at]] === 1) at++;
          if (at === end) return at;
          if (buffer[at] !== COLON) return this.#fail(at, FAULTS.fieldName);
          this.#state = VALUE;
          at++;
          break;
        case VALUE:
          while (at < end && VALUE_BYTES[buffer[at]] === 1) at++;
          if (at === end) return at;
          if (buffer[at] !== CR)
            return this.#fail(at, buffer[at] === LF ? FAULTS.lineEnd : FAULTS.fieldValue);
          this.#state = VALUE_LF;
          at++;
          break;
        case VALUE_LF:
        case LAST_LF:
          if (buffer[at] !== LF) return this.#fail(at, FAULTS.lineEnd);
          at++;
          if (this.#state === LAST_LF) {
            this.#state = DONE;
            return at;
          }
          this.#state = LINE;
          break;
        default:
          return at;
      }
    }
    return at;
  }

  #fail(at: number, fault: HttpFault): number {
    this.fault = fault;
    return at;
  }
}
