import { PassThrough, type Readable } from "node:stream";
import type { BusboyConstructor, BusboyInstance } from "@fastify/busboy";
import type { MultipartOptions, MultipartPart } from "../api/bodies.ts";
import { HttpError } from "../api/http-error.ts";
import { codedError } from "../base/errors.ts";
import { checkMediaType } from "./body-formats.ts";
import { BodyStream } from "./body-stream.ts";
import type { Serving } from "./serving.ts";

const DEFAULTS: Required<MultipartOptions> = {
  maxFileSize: 10_485_760,
  maxFiles: 10,
  maxFields: 100,
  maxFieldSize: 65_536,
};
/** Of each part: a name, a type and some more. */
const MAX_HEADERS = 32;
const MAX_HEADER_BYTES = 16_384;

type Load = () => Promise<{ Busboy: BusboyConstructor }>;

/**
 * Reads a form part by part. The body is taken at once; the rest is done as the parts are asked for.
 *
 * @param load - Where the parser comes from.
 */
export function readMultipart(
  serving: Serving,
  options: MultipartOptions = {},
  load: Load = () => import("@fastify/busboy"),
): AsyncGenerator<MultipartPart, void, undefined> {
  const limits = limitsOf(options);
  checkMediaType(serving, /^multipart\/form-data$/);
  return partsOf(new BodyStream(serving), serving.head.get("content-type")!, limits, load);
}

function limitsOf(options: MultipartOptions): Required<MultipartOptions> {
  const limits = { ...DEFAULTS };
  for (const name of Object.keys(DEFAULTS) as (keyof MultipartOptions)[]) {
    const value = options[name] ?? DEFAULTS[name];
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new TypeError(`${name} is a whole number, not ${String(value)}`);
    }
    limits[name] = value;
  }
  return limits;
}

async function* partsOf(
  body: Readable,
  contentType: string,
  limits: Required<MultipartOptions>,
  load: Load,
): AsyncGenerator<MultipartPart, void, undefined> {
  let form: Form | null = null;
  try {
    form = new Form(body, await parserFor(contentType, limits, load));
    for (let part = await form.next(); part !== null; part = await form.next()) yield part;
  } finally {
    // Whoever leaves the loop is not interested in the rest.
    body.destroy();
    form?.destroy();
  }
}

async function parserFor(
  contentType: string,
  limits: Required<MultipartOptions>,
  load: Load,
): Promise<BusboyInstance> {
  const { Busboy } = await load().catch((cause: unknown) => {
    throw codedError("ENOTSUP", 'readMultipart needs the package "@fastify/busboy": npm install it', cause);
  });
  try {
    return new Busboy({
      headers: { "content-type": contentType },
      isPartAFile: (_name, _type, filename) => filename !== undefined,
      limits: {
        fileSize: limits.maxFileSize,
        parts: limits.maxFiles + limits.maxFields,
        files: limits.maxFiles,
        fields: limits.maxFields,
        fieldSize: limits.maxFieldSize,
        headerPairs: MAX_HEADERS,
        headerSize: MAX_HEADER_BYTES,
      },
    });
  } catch (cause) {
    throw malformed(cause);
  }
}

/**
 * Turns the parser's events into parts that are asked for. Bytes go in only while no part waits, so what is held is
 * never more than the parts in one piece of the body.
 */
class Form {
  readonly #parser: BusboyInstance;
  readonly #parts: MultipartPart[] = [];
  /** Files that are not read to their end. */
  readonly #files = new Set<PassThrough>();
  #last: MultipartPart | null = null;
  #error: Error | null = null;
  #done = false;

  constructor(body: Readable, parser: BusboyInstance) {
    this.#parser = parser;
    parser.on("field", (name, value, _, truncated) => {
      if (truncated) this.#fail(tooMuch("ERR_FIELD_TOO_LARGE", "a field is too large"));
      else this.#add({ kind: "field", name, value });
    });
    parser.on("file", (name, file, filename, _, contentType) => {
      this.#add({ kind: "file", name, filename, contentType, stream: this.#track(file) });
    });
    parser.on("partsLimit", () => this.#fail(tooMuch("ERR_TOO_MANY_PARTS", "there are too many parts")));
    parser.on("filesLimit", () => this.#fail(tooMuch("ERR_TOO_MANY_PARTS", "there are too many files")));
    parser.on("fieldsLimit", () => this.#fail(tooMuch("ERR_TOO_MANY_PARTS", "there are too many fields")));
    parser.on("error", (error) => this.#fail(malformed(error)));
    parser.on("finish", () => {
      this.#done = true;
      this.#change();
    });
    body.on("error", (error) => this.#fail(error));
    this.#pump(body).catch((error: Error) => this.#fail(error));
  }

  /** The next part; null behind the last one. */
  async next(): Promise<MultipartPart | null> {
    if (this.#last?.kind === "file") dropUnread(this.#last.stream);
    while (this.#error === null && this.#parts.length === 0 && !this.#done) await this.#changed();
    if (this.#error !== null) throw this.#error;
    this.#last = this.#parts.shift() ?? null;
    this.#change();
    return this.#last;
  }

  /** What is unread of files ends here. */
  destroy(): void {
    for (const file of this.#files) if (!file.readableEnded) file.destroy(this.#error ?? undefined);
  }

  async #pump(body: Readable): Promise<void> {
    for await (const piece of body) {
      await new Promise<void>((resolve) => this.#parser.write(piece, () => resolve()));
      while (this.#parts.length > 0 && this.#error === null) await this.#changed();
    }
    this.#parser.end();
  }

  #track(file: Readable): PassThrough {
    const stream = new PassThrough();
    this.#files.add(stream);
    // Errors of files come with an error of the form, which is told to whoever asks for parts.
    stream.on("error", () => {});
    file.on("error", () => {});
    file.on("limit", () => this.#fail(tooMuch("ERR_FILE_TOO_LARGE", "a file is too large")));
    stream.on("close", () => {
      this.#files.delete(stream);
      // The parser goes on behind a file only when that is read to its end.
      file.unpipe(stream).resume();
    });
    return file.pipe(stream);
  }

  #add(part: MultipartPart): void {
    if (typeof part.name !== "string") return this.#fail(malformed(undefined));
    this.#parts.push(part);
    this.#change();
  }

  #fail(error: Error): void {
    if (this.#error !== null || this.#done) return;
    this.#error = error;
    this.destroy();
    this.#change();
  }

  readonly #waiting: (() => void)[] = [];

  #changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #change(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** Somebody who reads has a listener or lets it flow. */
function dropUnread(file: Readable): void {
  if (file.readableFlowing === null && file.listenerCount("readable") === 0) file.destroy();
}

function tooMuch(code: string, message: string): HttpError {
  return new HttpError(413, message, { code });
}

function malformed(cause: unknown): HttpError {
  return new HttpError(400, "the form is malformed", { code: "ERR_INVALID_MULTIPART", cause });
}
