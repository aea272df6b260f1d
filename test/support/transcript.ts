import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Duplex } from "node:stream";
import { BodyReader } from "../../lib/http/body.ts";
import { HttpFault } from "../../lib/http/fault.ts";
import { HeadReader } from "../../lib/http/head-reader.ts";
import type { HttpLimits } from "../../lib/http/limits.ts";
import { RequestHead } from "../../lib/http/request-head.ts";

/*
 * What a reader of requests makes of a byte stream, written down so that two readers can be compared: a line for each
 * head and each body that is complete, and one for the end:
 *
 *   refused <status>   the bytes are wrong
 *   closed             the last request ended the connection
 *   upgraded           what follows is no HTTP
 *   open               more may follow
 */

export interface Step {
  what: string;
  /** What was being read. */
  part: "head" | "body";
  /** Where that begins. */
  at: number;
}

/** Those of bodies are none of Node's parser. */
const LIMITS: HttpLimits = Object.freeze({
  maxHeaderBytes: 16_384,
  maxHeaderCount: 100,
  maxBodyBytes: Number.MAX_SAFE_INTEGER,
});

/** What our reader makes of the bytes. */
export function ourTranscript(bytes: Buffer): Step[] {
  const steps: Step[] = [];
  const reader = new HeadReader(LIMITS);
  for (let at = 0; ; ) {
    const step = (what: string, part: Step["part"] = "head") => steps.push({ what, part, at });
    const behindHead = reader.feed(bytes, at, bytes.length);
    const head = reader.result;
    const end = endBehind(head);
    if (!(head instanceof RequestHead) || end === "refused 417") {
      step(end ?? "open");
      return steps;
    }
    reader.reset();
    step(headLine(head.method, head.target, head.httpMinor, head.headers));
    at = behindHead;
    const body = readBody(head, bytes, at);
    step(end ?? body.end ?? bodyLine(body.parts), "body");
    if (end !== undefined || body.end !== undefined) return steps;
    at = body.behind;
    if (!head.keepAlive) {
      step("closed");
      return steps;
    }
  }
}

function endBehind(head: RequestHead | HttpFault | undefined): string | undefined {
  if (head === undefined) return "open";
  if (head instanceof HttpFault) return `refused ${head.status}`;
  if (head.expect === "unknown") return "refused 417";
  return head.upgradeAsked ? "upgraded" : undefined;
}

function readBody(head: RequestHead, bytes: Buffer, at: number) {
  const parts: Buffer[] = [];
  const onBody = (buffer: Buffer, start: number, end: number) => {
    parts.push(buffer.subarray(start, end));
    return true;
  };
  const reader = new BodyReader(head, { onBody, onBodyEnd() {} }, LIMITS);
  const behind = reader.feed(bytes, at, bytes.length);
  const end =
    reader.fault !== undefined ? `refused ${reader.fault.status}` : reader.done ? undefined : "open";
  return { parts, behind, end };
}

const bodyLine = (parts: Buffer[]) => `body ${JSON.stringify(Buffer.concat(parts).toString("latin1"))}`;

function headLine(method: string, target: string, minor: number, headers: Readonly<Record<string, string>>) {
  return `head ${method} ${target} 1.${minor} ${JSON.stringify(headers)}`;
}

/** What Node's reader at its strictest makes of byte streams. It needs no socket. */
export class NodeReader {
  readonly #steps = new Map<Duplex, NodeSteps>();
  readonly #server = createServer({
    insecureHTTPParser: false,
    requireHostHeader: true,
    maxHeaderSize: 65_536,
  });

  constructor() {
    const stepsOf = (socket: unknown) => this.#steps.get(socket as Duplex)!;
    this.#server.on("request", (request, response) => stepsOf(request.socket).request(request, response));
    this.#server.on("connect", (request) => stepsOf(request.socket).end("refused 400"));
    this.#server.on("upgrade", (request) => stepsOf(request.socket).upgrade(request));
    this.#server.on("clientError", (error, socket) => stepsOf(socket).error(error));
  }

  async transcript(bytes: Buffer): Promise<string[]> {
    const steps = new NodeSteps();
    const socket = new Duplex({
      allowHalfOpen: true,
      read() {},
      write(chunk: Buffer, _encoding, done) {
        steps.replies += chunk.toString("latin1");
        done();
      },
    });
    socket.on("error", () => {});
    this.#steps.set(socket, steps);
    this.#server.emit("connection", socket);
    socket.push(bytes);
    await turns();
    socket.push(null);
    await turns();
    socket.destroy();
    this.#steps.delete(socket);
    return steps.finish();
  }

  close(): void {
    this.#server.close();
  }
}

/** Node tells heads, bodies and replies in turns of its own; nothing in it waits for a clock. */
async function turns(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
}

interface NodeMessage {
  head: string;
  body: string | undefined;
  keepAlive: boolean;
}

/** One connection's worth of what Node tells. */
class NodeSteps {
  replies = "";
  readonly #messages: NodeMessage[] = [];
  #end: string | undefined = undefined;

  request(request: IncomingMessage, response: ServerResponse): void {
    if (this.#end !== undefined) return;
    const parts: Buffer[] = [];
    const message = { head: lineOf(request), body: undefined, keepAlive: response.shouldKeepAlive };
    this.#messages.push(message);
    request.on("data", (part) => parts.push(part));
    request.on("error", () => {});
    request.on("end", () => {
      Object.assign(message, { body: bodyLine(parts) });
      // Without a length, Node ends the connection behind a reply to HEAD in HTTP/1.0.
      response.setHeader("content-length", 0);
      response.end();
    });
  }

  upgrade(request: IncomingMessage): void {
    this.#messages.push({ head: lineOf(request), body: undefined, keepAlive: true });
    this.end("upgraded");
  }

  error(error: NodeJS.ErrnoException): void {
    // Bytes behind the last request are nobody's, and a stream that ends early only ends.
    if (error.code === "HPE_INVALID_EOF_STATE" || error.code === "HPE_CLOSED_CONNECTION") return;
    const overflow = error.code === "HPE_HEADER_OVERFLOW" ? 431 : 413;
    this.end(`refused ${error.code?.endsWith("_OVERFLOW") ? overflow : 400}`);
  }

  end(what: string): void {
    this.#end ??= what;
  }

  finish(): string[] {
    const steps: string[] = [];
    const statuses = [...this.replies.matchAll(/HTTP\/1\.1 ([2-5]\d\d)/g)].map(([, status]) =>
      Number(status),
    );
    // Node replies to what its parser takes and its server refuses, and calls nobody.
    const refused = statuses.findIndex((status) => status >= 400);
    for (const [index, { head, body, keepAlive }] of this.#messages.entries()) {
      if (index === refused) break;
      steps.push(head);
      if (body === undefined) break;
      steps.push(body);
      if (!keepAlive) return [...steps, "closed"];
    }
    if (refused !== -1) return [...steps, `refused ${statuses[refused]}`];
    return [...steps, this.#end ?? "open"];
  }
}

/** Node's own record leaves out some of the headers that come twice: all that came are joined here as we join them. */
function lineOf({ method = "", url = "", httpVersion, rawHeaders }: IncomingMessage): string {
  const headers: Record<string, string> = Object.create(null);
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i].toLowerCase();
    const comma = name === "cookie" ? "; " : ", ";
    headers[name] = name in headers ? headers[name] + comma + rawHeaders[i + 1] : rawHeaders[i + 1];
  }
  return headLine(method, url, Number(httpVersion.slice(2)), headers);
}
