import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { type AccessLogEntry, type AccessLogOptions, WriteProtocol } from "../../lib/api.ts";
import { AccessLog } from "../../lib/engine/access-log.ts";
import { type RequestHead, readRequest } from "../../lib/http/request-head.ts";
import type { Loop, Task } from "../../lib/loop/loop.ts";
import { httpRequest, upgradeRequest } from "../support/frames.ts";
import { describeLoops, startServer } from "../support/server.ts";

/** A stream that keeps what is written to it. */
class Memory {
  readonly writes: string[] = [];
  answer = true;
  readonly #listeners = new Map<string, () => void>();

  write(text: string): boolean {
    this.writes.push(text);
    return this.answer;
  }

  once(event: string, listener: () => void): void {
    this.#listeners.set(event, listener);
  }

  drain(): void {
    this.answer = true;
    this.#listeners.get("drain")!();
  }
}

const head = readRequest("GET /a HTTP/1.1\r\nHost: a\r\n\r\n") as RequestHead;

function open(options: AccessLogOptions) {
  const tasks: Task[] = [];
  const warnings: string[] = [];
  const loop = { now: 1000, soon: (task: Task) => void tasks.push(task) } as unknown as Loop;
  const log = new AccessLog(options, loop, { warnOnce: (message) => void warnings.push(message) });
  const turn = () => {
    for (const task of tasks.splice(0)) task.runSoon();
  };
  const add = (status = 200) => log.add("192.0.2.1", head, status, 5, 990);
  return { log, turn, add, tasks, warnings };
}

const status = (entry: AccessLogEntry) => String(entry.status);

describe("an access log", () => {
  it("writes the lines of a turn at once, at its end", () => {
    const stream = new Memory();
    const { add, turn, tasks } = open({ stream, format: status });
    add(200);
    add(404);
    expect([tasks.length, stream.writes]).toEqual([1, []]);
    turn();
    add(500);
    turn();
    expect(stream.writes).toEqual(["200\n404\n", "500\n"]);
  });

  it("gives a format of one's own all that it knows", () => {
    const entries: AccessLogEntry[] = [];
    const stream = new Memory();
    const format = (entry: AccessLogEntry) => {
      entries.push(entry);
      return "";
    };
    const { log, turn } = open({ stream, format });
    const asked = "POST /a?b HTTP/1.0\r\nReferer: r\r\nUser-Agent: u\r\n\r\n";
    log.add("192.0.2.1", readRequest(asked) as RequestHead, 201, 7, 990);
    log.add("", null, 400, 9, 2000);
    turn();
    const time = expect.any(Number);
    expect(entries).toEqual([
      {
        ...{ time, remoteAddress: "192.0.2.1", method: "POST", target: "/a?b", httpVersion: "1.0" },
        ...{ referer: "r", userAgent: "u", status: 201, bytes: 7, durationMs: 10 },
      },
      {
        ...{ time, remoteAddress: "", method: "", target: "", httpVersion: "1.1" },
        ...{ referer: "", userAgent: "", status: 400, bytes: 9, durationMs: 0 },
      },
    ]);
    expect(stream.writes).toEqual([]);
  });

  it("waits for a stream that asks to wait, and loses no line that fits", () => {
    const stream = new Memory();
    const { add, turn } = open({ stream, format: status });
    stream.answer = false;
    add(1);
    turn();
    add(2);
    turn();
    add(3);
    turn();
    expect(stream.writes).toEqual(["1\n"]);
    stream.drain();
    expect(stream.writes).toEqual(["1\n", "2\n3\n"]);
  });

  it("holds about a mebibyte of lines and no more, counts what is lost and warns", () => {
    const stream = new Memory();
    const long = "x".repeat(99_999);
    const { add, turn, log, warnings } = open({ stream, format: () => long });
    stream.answer = false;
    add();
    turn();
    for (let i = 0; i < 20; i++) add();
    turn();
    expect(log.dropped).toBe(9);
    expect(new Set(warnings)).toEqual(new Set(["access log: lines are lost, its stream is too slow"]));
    stream.drain();
    expect(stream.writes[1].length).toBe(1_100_000);
    add();
    turn();
    expect(stream.writes).toHaveLength(3);
    log.close();
    expect(warnings.at(-1)).toBe("access log: 9 lines were lost");
  });

  it("outlives a stream and a format that throw", () => {
    const bad = {
      write() {
        throw new Error("full");
      },
    };
    const broken = open({ stream: bad });
    broken.add();
    broken.add();
    broken.turn();
    expect(broken.log.dropped).toBe(2);
    expect(broken.warnings[0]).toContain("its stream threw: Error: full");
    const wrong = open({
      stream: new Memory(),
      format: () => {
        throw new Error("oops");
      },
    });
    wrong.add();
    wrong.turn();
    expect(wrong.warnings[0]).toContain("its format threw: Error: oops");
  });

  it("outlives a stream of Node's that breaks", async () => {
    const stream = new Writable({ write: (_chunk, _encoding, done) => done(new Error("broken pipe")) });
    const { add, turn, log } = open({ stream });
    add();
    turn();
    await new Promise<void>((resolve) => stream.once("close", resolve));
    add();
    turn();
    expect(log.dropped).toBe(1);
  });

  it("puts one listener on a stream, however many contexts write to it", () => {
    const stream = new Writable({ write: (_chunk, _encoding, done) => done() });
    for (let i = 0; i < 20; i++) open({ stream });
    expect(stream.listenerCount("error")).toBe(1);
  });

  it("writes what waits when it is closed", () => {
    const stream = new Memory();
    const { add, log } = open({ stream, format: status });
    add();
    log.close();
    log.close();
    expect(stream.writes).toEqual(["200\n"]);
  });
});

describeLoops("the access log of a server", (loop) => {
  type Options = Omit<Parameters<typeof startServer>[0], "accessLog">;

  /** A server, and the lines that it has written when it is destroyed. */
  async function start(options: Options = {}) {
    const stream = new Memory();
    const format = ({ method, target, status, bytes }: AccessLogEntry) =>
      `${method} ${target} ${status} ${bytes}`;
    const server = await startServer({ eventLoop: loop, accessLog: { stream, format }, ...options });
    const lines = async () => {
      await server.destroy();
      return stream.writes.join("").split("\n").slice(0, -1);
    };
    return { server, lines };
  }

  it("has a line for each reply, whole, to HEAD, empty and in pieces", async () => {
    const { server, lines } = await start({
      on: {
        HTTP: (wsi) => {
          if (wsi.uri !== "/pieces") return wsi.httpReply(wsi.uri === "/none" ? 204 : 200, {}, "h\u00e9llo");
          wsi.writeHttpHeaders(200);
          wsi.write("abc", WriteProtocol.HTTP);
          return void wsi.write("defg", WriteProtocol.HTTP_FINAL);
        },
      },
    });
    const peer = await server.connect();
    for (const target of ["/a?b=c", "/none", "/pieces"]) {
      peer.send(httpRequest({ target }));
      await peer.response();
    }
    peer.send(httpRequest({ method: "HEAD", target: "/h" }));
    await peer.response("HEAD");
    expect(await lines()).toEqual([
      "GET /a?b=c 200 6",
      "GET /none 204 0",
      "GET /pieces 200 7",
      "HEAD /h 200 0",
    ]);
  });

  it("has a line for what was refused, with the request where there was one", async () => {
    const { server, lines } = await start({
      maxBodyBytes: 5,
      timeouts: { head: 30 },
      on: {
        HTTP: () => {
          throw new Error("on purpose");
        },
      },
    });
    expect((await server.ask("GET / HTTP/1.1\nHost: a\r\n\r\n")).status).toBe(400);
    expect((await server.ask(httpRequest({ headers: { Host: "" } }))).status).toBe(400);
    expect((await server.ask(httpRequest({ headers: { "content-length": "6" } }))).status).toBe(413);
    expect((await server.ask(httpRequest({ target: "/throws" }))).status).toBe(500);
    expect((await server.ask("GET /slow HTTP/1.1\r\n")).status).toBe(408);
    const bytes = (status: number, text: string) =>
      Buffer.byteLength(
        `<!doctype html><html lang="en"><title>${status} ${text}</title><h1>${status} ${text}</h1></html>\n`,
      );
    expect(await lines()).toEqual([
      `  400 ${bytes(400, "Bad Request")}`,
      `  400 ${bytes(400, "Bad Request")}`,
      `GET / 413 ${bytes(413, "Content Too Large")}`,
      `GET /throws 500 ${bytes(500, "Internal Server Error")}`,
      `  408 ${bytes(408, "Request Timeout")}`,
    ]);
  });

  it("has a line for an upgrade as it is made, and for one that is refused", async () => {
    const { server, lines } = await start({
      on: {
        FILTER_PROTOCOL_CONNECTION: async (wsi) => {
          if (wsi.uri === "/no") wsi.reject(401, {}, "no");
          return 0;
        },
      },
    });
    await server.open({ target: "/yes" });
    expect((await server.ask(upgradeRequest({ target: "/no" }))).status).toBe(401);
    const { server: other, lines: otherLines } = await start();
    await other.open({ target: "/at-once" });
    expect(await lines()).toEqual(["GET /yes 101 0", "GET /no 401 2"]);
    expect(await otherLines()).toEqual(["GET /at-once 101 0"]);
  });

  it("has a line for a reply that its reader or its writer gave up, and none for no reply", async () => {
    const { server, lines } = await start({
      on: {
        HTTP: (wsi) => {
          if (wsi.uri === "/nothing") return wsi.terminate();
          wsi.writeHttpHeaders(200, { "content-length": 100 });
          wsi.write("abc", WriteProtocol.HTTP);
          return wsi.terminate();
        },
      },
    });
    for (const target of ["/half", "/nothing"]) {
      const peer = await server.connect();
      peer.send(httpRequest({ target }));
      await peer.closed();
    }
    expect(await lines()).toEqual(["GET /half 200 3"]);
  });

  it("is written in the combined format, and nobody forges a line of it", async () => {
    const stream = new Memory();
    const server = await startServer({ eventLoop: loop, accessLog: { stream } });
    const headers = { Referer: 'a" 200 5 "', "User-Agent": "b\xe9\t" };
    await server.ask(httpRequest({ target: '/"x\\', headers }));
    await server.destroy();
    const [line, ...more] = stream.writes.join("").split("\n");
    expect(line).toMatch(
      /^127\.0\.0\.1 - - \[[^\]]+\] "GET \/\\x22x\\x5C HTTP\/1\.1" 200 5 "a\\x22 200 5 \\x22" "b\\xC3\\xA9"$/,
    );
    expect(more).toEqual([""]);
  });
});
