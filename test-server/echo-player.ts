import { CallbackReason, type CloseInfo, type Protocol, WriteProtocol, type Wsi } from "sluice";
import type { Destination, Ending } from "./client-program.ts";
import { compare, type Message, Messages } from "./echo-messages.ts";
import type { Play } from "./echo-options.ts";
import { count, size } from "./two-ended.ts";

const { TEXT, BINARY, CONTINUATION, NO_FIN } = WriteProtocol;
const PROGRESS_MS = 1000;

/** Who hears of it while a player plays. */
export interface Listener {
  progress(line: string): void;
  wrong(line: string): void;
}

/** Plays messages to an echo server, and compares what comes back. */
export class Player {
  /** Echoes that came, right or wrong. */
  received = 0;
  wrong = 0;
  closed: CloseInfo | undefined;
  readonly #play: Play;
  readonly #messages: Messages;
  readonly #listener: Listener;
  readonly #waiting: Message[] = [];
  #sent = 0;
  #bytes = 0;
  #since = 0;
  #milliseconds = 0;

  constructor(play: Play, listener: Listener) {
    this.#play = play;
    this.#messages = new Messages(play.sizes, play.kind);
    this.#listener = listener;
  }

  /** Every message has its echo; where there is no end to them, both sides have agreed on one. */
  get complete(): boolean {
    return this.#play.count > 0 ? this.received >= this.#play.count : this.closed?.wasClean === true;
  }

  protocol(target: Destination, ending: Ending): Protocol {
    return {
      name: "echo",
      wholeMessages: true,
      // An echo that is too long is to be told from one that is right; twice that is not even listened to.
      maxMessageSize: 2 * largest(this.#play.sizes),
      callback: (wsi, reason, _user, input) => {
        switch (reason) {
          case CallbackReason.CLIENT_ESTABLISHED:
            this.#begin(wsi);
            break;

          case CallbackReason.CLIENT_WRITEABLE:
            this.#send(wsi);
            break;

          case CallbackReason.CLIENT_RECEIVE:
            return this.#take(wsi, input);

          case CallbackReason.TIMER:
            this.#listener.progress(this.figures());
            wsi.setTimer(PROGRESS_MS);
            break;

          case CallbackReason.CLIENT_CONNECTION_ERROR:
            ending.noConnection(wsi.context, target, input);
            break;

          case CallbackReason.CLIENT_CLOSED:
            this.#milliseconds = performance.now() - this.#since;
            this.closed = input;
            ending.end(wsi.context);
            break;
        }
        return 0;
      },
    };
  }

  #begin(wsi: Wsi): void {
    this.#since = performance.now();
    wsi.setTimer(PROGRESS_MS);
    wsi.callbackOnWritable();
  }

  /** As many as may be in flight, while the server takes them. */
  #send(wsi: Wsi): void {
    const { count, fragments } = this.#play;
    while (this.#waiting.length < this.#play.inFlight && (count === 0 || this.#sent < count)) {
      if (wsi.sendPipeChoked()) return wsi.callbackOnWritable();
      const message = this.#messages.at(this.#sent++);
      this.#waiting.push(message);
      sendInFragments(wsi, message, fragments);
    }
  }

  #take(wsi: Wsi, echo: Buffer): number {
    const problem = compare(echo, wsi.frameIsBinary(), this.#waiting.shift());
    this.received++;
    this.#bytes += echo.length;
    if (problem !== undefined) {
      this.wrong++;
      this.#listener.wrong(`echo ${this.received}: ${problem}`);
    }
    if (this.received === this.#play.count) {
      wsi.closeReason(1000);
      return -1;
    }
    wsi.callbackOnWritable();
    return 0;
  }

  /** How much there was, and how fast. */
  figures(): string {
    const milliseconds = this.#milliseconds || performance.now() - this.#since;
    const rate = (amount: number) => (amount / Math.max(milliseconds, 1)) * 1000;
    return (
      `${count(this.received, "echo", "es")}, ${size(this.#bytes)}, ${this.wrong} wrong; ` +
      `${Math.round(rate(this.received))} a second, ${size(rate(this.#bytes))} a second`
    );
  }

  verdict(): string {
    const right = this.wrong === 0 ? "Every echo was right." : `WRONG: ${this.wrong} of ${this.received}.`;
    const missing = this.#waiting.length;
    return `${this.figures()}. ${right}${missing === 0 ? "" : ` ${missing} did not come.`}`;
  }
}

/** The largest message; where they are small, what is too large a little may still be told. */
export function largest(sizes: readonly number[]): number {
  return Math.max(65_536, ...sizes);
}

/** Pieces of the same length; of a text too, whose characters they may cut. */
function sendInFragments(wsi: Wsi, { data, binary }: Message, fragments: number): void {
  const length = Math.ceil(data.length / fragments);
  for (let i = 0; i < fragments; i++) {
    const opcode = i > 0 ? CONTINUATION : binary ? BINARY : TEXT;
    const piece = data.subarray(i * length, (i + 1) * length);
    wsi.write(piece, i < fragments - 1 ? opcode | NO_FIN : opcode);
  }
}
