import type { DefaultHeaders } from "../http/outgoing.ts";
import { OutgoingFields } from "../http/outgoing.ts";
import { dateText, encodeHead } from "../http/response.ts";
import type { Plan } from "../serve/plan.ts";

/** Stands for the date while a head is encoded: as long as any. */
const NO_DATE = dateText(0);

/** The encoded head of a reply that is the same each time, but for its date. */
export class KeptHead {
  readonly bytes: Buffer;
  /** What it was encoded with. */
  readonly defaults: DefaultHeaders | null;
  readonly #dateAt: number;
  #date = NO_DATE;

  constructor({ status, headers, length }: Plan, defaults: DefaultHeaders | null) {
    const fields = new OutgoingFields(defaults).add(headers);
    const head = encodeHead({ status, date: NO_DATE, contentLength: length }, fields);
    this.bytes = Buffer.from(head, "latin1");
    this.defaults = defaults;
    this.#dateAt = head.lastIndexOf(`Date: ${NO_DATE}`) + "Date: ".length;
  }

  /** Puts the date in; `text` is what `dateText` gives. */
  dated(text: string): this {
    if (text !== this.#date) {
      this.bytes.write(text, this.#dateAt, "latin1");
      this.#date = text;
    }
    return this;
  }
}

const heads = new WeakMap<Plan, KeptHead>();

/** The head of a reply to HTTP/1.1 that keeps the connection, with no headers but the plan's and the defaults. */
export function keptHead(plan: Plan, defaults: DefaultHeaders | null): KeptHead {
  let head = heads.get(plan);
  if (head === undefined || head.defaults !== defaults) {
    head = new KeptHead(plan, defaults);
    heads.set(plan, head);
  }
  return head;
}
