import { execFile, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import WebSocket, { type PerMessageDeflateOptions } from "ws";
import { permessageDeflate, WriteProtocol, type Wsi } from "../../lib/index.ts";
import { describeLoops, startServer } from "../support/server.ts";

/* Compression with peers that other people wrote. */

const run = promisify(execFile);
/** The system's own, and whichever comes first in the path. */
const python = ["/usr/bin/python3", "python3"].find(
  (program) => spawnSync(program, ["-c", "import websockets"]).status === 0,
);
const why = python === undefined ? " (skipped: no python3 with the module websockets here)" : "";

const echo = (wsi: Wsi, input: never) =>
  void wsi.write(input, wsi.frameIsBinary() ? WriteProtocol.BINARY : WriteProtocol.TEXT);

/** Text that compresses and repeats, text in other scripts, noise, nothing, and what is below any threshold. */
const MESSAGES: (string | Buffer)[] = [
  ...Array.from({ length: 12 }, (_, i) => JSON.stringify({ i, list: Array(60).fill(`item ${i % 3}`) })),
  "",
  "short",
  "Ωμέγα 😀 ".repeat(2000),
  randomBytes(40_000),
  Buffer.alloc(300_000, "abc"),
  Buffer.alloc(0),
];

const OFFERS: [name: string, offer: PerMessageDeflateOptions, answer: string][] = [
  ["as it comes", {}, "permessage-deflate"],
  [
    "without context takeover of the server",
    { serverNoContextTakeover: true },
    "permessage-deflate; server_no_context_takeover",
  ],
  [
    "without context takeover of the client",
    { clientNoContextTakeover: true },
    "permessage-deflate; client_no_context_takeover",
  ],
  [
    "without any context takeover",
    { serverNoContextTakeover: true, clientNoContextTakeover: true },
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
  ],
  ["with a window of 9 bits asked of the server", { serverMaxWindowBits: 9 }, "server_max_window_bits=9"],
  ["with a window of 12 bits for itself", { clientMaxWindowBits: 12 }, "client_max_window_bits=12"],
  ["with windows of 10 and 11 bits", { clientMaxWindowBits: 10, serverMaxWindowBits: 11 }, "_window_bits=1"],
  ["with every message compressed", { threshold: 0 }, "permessage-deflate"],
];

describeLoops("compression", (loop) => {
  const start = (options = {}) =>
    startServer({
      eventLoop: loop,
      extensions: [permessageDeflate({ threshold: 64, ...options })],
      protocol: { wholeMessages: true },
      on: { RECEIVE: echo },
    });

  async function exchange(client: WebSocket) {
    for (const data of MESSAGES) {
      const answer = once(client, "message");
      client.send(data);
      const [got, binary] = await answer;
      expect(Buffer.from(data as string).equals(got as Buffer)).toBe(true);
      expect(binary).toBe(typeof data !== "string");
    }
    const closed = once(client, "close");
    client.close(1000);
    expect((await closed)[0]).toBe(1000);
  }

  describe("with the client of ws", () => {
    it.each(OFFERS)("%s", async (_name, offer, answer) => {
      const server = await start();
      const client = new WebSocket(`ws://127.0.0.1:${server.port}/`, { perMessageDeflate: offer });
      await once(client, "open");
      expect(client.extensions).toBe("permessage-deflate");
      await exchange(client);
      const [session] = server.all("ESTABLISHED");
      expect(session.wsi.headers["sec-websocket-extensions"]).toContain("permessage-deflate");
      const peer = await server.open({
        headers: { "Sec-WebSocket-Extensions": session.wsi.headers["sec-websocket-extensions"] },
      });
      expect(peer.reply!.headers["sec-websocket-extensions"]).toContain(answer);
    });

    it.each([
      [
        "context takeover refused on both sides",
        { serverNoContextTakeover: true, clientNoContextTakeover: true },
      ],
      ["small windows on both sides", { serverMaxWindowBits: 9, clientMaxWindowBits: 9 }],
      ["the fastest level and least memory", { level: 1, memLevel: 1 }],
      ["the smallest output", { level: 9, memLevel: 9 }],
    ])("and a server with %s", async (_name, options) => {
      const server = await start(options);
      const client = new WebSocket(`ws://127.0.0.1:${server.port}/`, { perMessageDeflate: { threshold: 0 } });
      await once(client, "open");
      await exchange(client);
    });

    it("in fragments, many in flight", async () => {
      const server = await start();
      const client = new WebSocket(`ws://127.0.0.1:${server.port}/`, { perMessageDeflate: { threshold: 0 } });
      await once(client, "open");
      const got: string[] = [];
      const all = new Promise<void>((resolve) =>
        client.on("message", (data: Buffer) => {
          if (got.push(data.toString()) === 200) resolve();
        }),
      );
      const wanted = Array.from({ length: 200 }, (_, i) => `${`one ${i}, `.repeat(i % 9)}end`);
      for (const text of wanted) {
        const half = text.length >> 1;
        client.send(text.slice(0, half), { fin: false });
        client.send(text.slice(half), { fin: true });
      }
      await all;
      expect(got).toEqual(wanted);
      client.terminate();
    });
  });

  it.runIf(python !== undefined)(
    `with the client of python3-websockets${why}`,
    { timeout: 30_000 },
    async () => {
      const server = await start({ threshold: 0 });
      const { stdout } = await run(python!, ["-c", PYTHON_CLIENT, String(server.port)]);
      expect(stdout.trim().split("\n")).toEqual(Array(5).fill("60 echoed, closed with 1000"));
      expect(server.all("RECEIVE")).toHaveLength(300);
    },
  );
});

/** Exchanges sixty messages for each way to offer compression that the module has. */
const PYTHON_CLIENT = `
import asyncio, sys, websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory as Deflate

async def exchange(**offer):
    uri = "ws://127.0.0.1:" + sys.argv[1]
    async with websockets.connect(uri, extensions=[Deflate(**offer)], compression=None) as session:
        assert [each.name for each in session.extensions] == ["permessage-deflate"], session.extensions
        count = 0
        for i in range(60):
            message = ("message %d, " % i) * (i % 13) if i % 2 else bytes([i]) * 997 * (i % 5)
            await session.send(message)
            assert await session.recv() == message, i
            count += 1
        await session.close()
        print(count, "echoed, closed with", session.close_code)

async def main():
    await exchange()
    await exchange(client_max_window_bits=True)
    await exchange(client_no_context_takeover=True, server_no_context_takeover=True)
    await exchange(client_max_window_bits=11, server_max_window_bits=10)
    await exchange(server_max_window_bits=15, client_max_window_bits=9, client_no_context_takeover=True)

asyncio.run(main())
`;
