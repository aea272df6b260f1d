import { describeError } from "../base/log.ts";
import type { Link } from "../loop/loop.ts";
import { PlanReader } from "../serve/plan-reader.ts";
import type { Connection } from "./connection.ts";
import type { Reply } from "./reply.ts";
import type { FileReply, PlainReply } from "./static.ts";

/** Bytes that one file may send in a row before others have their turn. */
const BYTES_A_TURN = 1_048_576;
/** From here on a call to the system is saved by not reading what is to be sent. */
const WORTH_HANDING_OVER = 65_536;

/** Whom a file answers. */
export interface PumpOwner {
  readonly over: boolean;
  /** The file that the application named is sent. */
  tellFileSent(file: string): void;
  /** The reply is over, or the call that tells so. */
  fileOver(): void;
}

/**
 * Answers with a file, or parts of it: a piece at a time, and only as fast as the peer takes it. What waits in memory is
 * never more than one turn's pieces, and none of it where the loop sends files by itself. The descriptor is closed
 * whatever happens.
 */
export class FilePump {
  readonly #connection: Connection;
  readonly #reply: Reply;
  readonly #name: string | null;
  readonly #owner: PumpOwner;
  #reader: PlanReader | null = null;
  #over = false;

  /** @param name - What the application calls the file; null for one that it did not ask for. */
  constructor(connection: Connection, reply: Reply, name: string | null, owner: PumpOwner) {
    this.#connection = connection;
    this.#reply = reply;
    this.#name = name;
    this.#owner = owner;
  }

  /** True when nothing more comes: it is sent and told of, or will never be. */
  get over(): boolean {
    return this.#over;
  }

  /** Bytes that the link has not been given yet. */
  get remaining(): number {
    return this.#over || this.#reader === null ? 0 : this.#reader.remaining;
  }

  /** Answers, or begins to. Throws as `Reply.begin`, and then another answer may follow. */
  answer(answer: FileReply | PlainReply): void {
    try {
      if (answer.kind === "reply") return this.#answerAtOnce(answer);
      if (this.#reply.kept(answer)) return this.#sent();
      const { status, headers, length, parts } = answer.plan;
      this.#reader = new PlanReader(answer.file, parts);
      this.#reply.begin(status, headers, length);
    } catch (error) {
      this.cancel();
      throw error;
    }
    this.go();
  }

  /** Nothing of the file is due, or there is none. */
  #answerAtOnce({ status, headers, body, error }: PlainReply): void {
    if (error !== undefined) {
      this.#connection.host.logger.error(`the check of a mount failed: ${describeError(error)}`);
    }
    this.#reply.builtIn(status, headers, body);
    if (status < 400) return this.#sent();
    this.#over = true;
    this.#owner.fileOver();
  }

  /** Sends what the link takes now. */
  go(): void {
    const { link } = this.#connection;
    for (let budget = BYTES_A_TURN; budget > 0 && this.remaining > 0 && link.writable && !link.choked; ) {
      const taken = this.#handOver(this.#reader!, link, budget);
      budget -= taken === -1 ? this.#send(this.#reader!) : taken;
    }
    if (this.remaining > 0) link.requestWritable();
  }

  /** The connection ends: the file is closed, and nobody is told. */
  cancel(): void {
    this.#over = true;
    this.#reader?.close();
  }

  /** Has the loop send a stretch of the file, and returns how much of it went; -1 when the bytes are to be read. */
  #handOver(reader: PlanReader, link: Link, budget: number): number {
    const { handle, offset, stretch } = reader;
    if (link.sendFile === undefined || handle === -1 || stretch < WORTH_HANDING_OVER) return -1;
    const taken = link.sendFile(handle, offset, Math.min(stretch, budget));
    if (taken > 0) {
      reader.skip(taken);
      this.#reply.passed(taken);
    }
    return taken;
  }

  /** Reads the next piece and sends it. */
  #send(reader: PlanReader): number {
    const size = reader.read();
    if (size === 0) {
      // More was promised than is there now, or something else: only the end of the connection tells the peer so.
      this.cancel();
      this.#connection.link.destroy();
      return 0;
    }
    const { buffer, start, end, remaining } = reader;
    this.#reply.write(buffer.subarray(start, end), remaining === 0);
    if (remaining === 0) this.#sent();
    return size;
  }

  #sent(): void {
    this.#reader?.close();
    const name = this.#name;
    // Not from within the callback that asked for the file, though a small one is sent by then.
    if (name !== null) this.#connection.later(() => this.#tellSent(name));
    else this.#over = true;
    this.#owner.fileOver();
  }

  #tellSent(name: string): void {
    this.#over = true;
    if (this.#owner.over) return;
    this.#owner.tellFileSent(name);
    this.#owner.fileOver();
  }
}
