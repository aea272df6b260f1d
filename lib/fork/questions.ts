import { codedError } from "../base/errors.ts";
import type { FromParent, Refusal } from "./messages.ts";

/** How long a child may take to answer: it may be stopped, or its thread be busy. */
const LIMIT_MS = 10_000;

type Question = Extract<FromParent, { number: number }>;
/** A question without the number that it gets. */
type Unnumbered<Q = Question> = Q extends Question ? Omit<Q, "number"> : never;

interface Waiting {
  resolve(): void;
  reject(error: Error): void;
  readonly timer: NodeJS.Timeout;
}

/** What one child is asked over its channel, and what it answers. */
export class Questions {
  readonly #send: (message: FromParent) => void;
  readonly #waiting = new Map<number, Waiting>();
  #number = 0;

  /** @param send - Hands a message to the child. */
  constructor(send: (message: FromParent) => void) {
    this.#send = send;
  }

  /**
   * Resolves when the child has done it, and when it is gone: who takes its place begins with what is right then.
   *
   * @throws Error, as a rejection: why it has not, or `ETIMEDOUT`.
   */
  ask(question: Unnumbered): Promise<void> {
    const number = ++this.#number;
    return new Promise((resolve, reject) => {
      const late = () =>
        this.answered(number, { code: "ETIMEDOUT", message: `no answer in ${LIMIT_MS / 1000} s` });
      this.#waiting.set(number, { resolve, reject, timer: setTimeout(late, LIMIT_MS) });
      this.#send({ ...question, number });
    });
  }

  answered(number: number, refusal?: Refusal): void {
    const waiting = this.#waiting.get(number);
    this.#waiting.delete(number);
    clearTimeout(waiting?.timer);
    if (refusal === undefined) waiting?.resolve();
    else waiting?.reject(codedError(refusal.code, refusal.message));
  }

  /** The child will answer nothing any more. */
  gone(): void {
    for (const number of this.#waiting.keys()) this.answered(number);
  }
}
