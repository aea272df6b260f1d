import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  type ClientConnectOptions,
  type PermessageDeflateOptions,
  permessageDeflate,
  WriteProtocol,
} from "../../lib/index.ts";
import { outcome, startClient } from "../support/client.ts";
import { findPython, Program, stopPrograms } from "../support/program.ts";
import { describeLoops } from "../support/server.ts";
import { makeCertificate } from "../test-server/certificate.ts";

/* The client against a server of the Python module websockets. */

const { TEXT, BINARY, CONTINUATION, NO_FIN } = WriteProtocol;
const python = findPython();
const why = python === undefined ? " (skipped: no python3 with the module websockets here)" : "";

/**
 * A server on a free port. The path says what it does with a session, and by default it sends back what comes. It prints
 * how each session ended. Its arguments are certificate and key, if it is to speak TLS.
 */
const SERVER = `
import asyncio, http, ssl, sys, websockets
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory as Deflate

async def fragments(session):
    await session.send(["one ", "", "two ", "three"])
    await session.send([b"\\x00", b"\\xff" * 300])

async def ping(session):
    await (await session.ping(b"are you there"))
    await session.send("there you are")

async def echo(session):
    try:
        while True:
            await session.send(await session.recv())
    except websockets.ConnectionClosed:
        pass

async def close(session):
    await session.close(4003, "enough of that")

async def serve(session):
    await {"/fragments": fragments, "/ping": ping, "/close": close}.get(session.path, echo)(session)
    await session.wait_closed()
    agreed = [each.name for each in session.extensions]
    print("closed", session.close_code, session.close_reason, session.subprotocol, agreed, flush=True)

async def refuse(path, headers):
    if path == "/refused":
        return http.HTTPStatus.UNAUTHORIZED, [("WWW-Authenticate", 'Basic realm="python"'), ("X-Why", "nobody")], b"Who are you?\\n"

async def main():
    tls = None
    if len(sys.argv) > 1:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(sys.argv[1], sys.argv[2])
    how = dict(subprotocols=["soup", "chat"], extensions=[Deflate()], compression=None, process_request=refuse)
    server = await websockets.serve(serve, "127.0.0.1", 0, ssl=tls, **how)
    print("listening on", server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Future()

asyncio.run(main())
`;

/** Starts the server, and gives its port with it. */
async function startPython(...args: string[]): Promise<{ server: Program; port: number }> {
  const server = new Program(python!, ["-c", SERVER, ...args]);
  return { server, port: Number((await server.prints(/listening on (\d+)/))[1]) };
}

describe.skipIf(python === undefined)(`servers in Python${why}`, () => {
  let folder: string;
  let pem: { cert: string; key: string };
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "sluice-python-"));
    pem = makeCertificate(folder);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  describeLoops("a client", (loop) => {
    afterEach(stopPrograms);

    async function connect(
      port: number,
      options: Partial<ClientConnectOptions> = {},
      deflate?: PermessageDeflateOptions,
    ) {
      const extensions = deflate === undefined ? [] : [permessageDeflate(deflate)];
      const client = await startClient(loop, { protocol: { wholeMessages: true }, extensions });
      const wsi = client.context.clientConnect({ address: "127.0.0.1", port, ...options });
      return { client, wsi, error: await outcome(client) };
    }

    async function open(...args: Parameters<typeof connect>) {
      const { error, ...opened } = await connect(...args);
      expect(error).toBeUndefined();
      return opened;
    }

    it("exchanges text and binary, and closes with its code", async () => {
      const { server, port } = await startPython();
      const { client, wsi } = await open(port);
      const kinds: boolean[] = [];
      client.hooks.CLIENT_RECEIVE = () => void kinds.push(wsi.frameIsBinary());
      const messages = ["héllo 😀", "", Buffer.from([0, 255]), Buffer.alloc(0), Buffer.alloc(900_000, "abc")];
      for (const [index, data] of messages.entries()) {
        wsi.write(data, typeof data === "string" ? TEXT : BINARY);
        const { input } = await client.nth("CLIENT_RECEIVE", index + 1);
        expect((input as Buffer).equals(Buffer.from(data as string))).toBe(true);
      }
      expect(kinds).toEqual(messages.map((data) => typeof data !== "string"));
      wsi.close(4001, "done");
      await server.prints(/^closed 4001 done None \[\]$/m);
      expect((await client.nth("CLIENT_CLOSED")).input).toEqual({
        code: 4001,
        reason: "done",
        wasClean: true,
      });
    });

    it("sends fragments with a ping between them, and receives fragments", async () => {
      const { port } = await startPython();
      const echo = await open(port);
      echo.wsi.write("a", TEXT | NO_FIN);
      echo.wsi.ping("between");
      echo.wsi.write("b", CONTINUATION | NO_FIN);
      echo.wsi.write("c", CONTINUATION);
      expect(String((await echo.client.nth("CLIENT_RECEIVE")).input)).toBe("abc");
      expect(String((await echo.client.nth("CLIENT_RECEIVE_PONG")).input)).toBe("between");
      const { client } = await open(port, { path: "/fragments" });
      expect(String((await client.nth("CLIENT_RECEIVE", 1)).input)).toBe("one two three");
      const { input } = await client.nth("CLIENT_RECEIVE", 2);
      expect(input).toEqual(Buffer.concat([Buffer.from([0]), Buffer.alloc(300, 0xff)]));
    });

    it("answers a ping with what was in it", async () => {
      const { port } = await startPython();
      const { client } = await open(port, { path: "/ping" });
      expect(String((await client.nth("CLIENT_RECEIVE")).input)).toBe("there you are");
    });

    it("asks for sub-protocols, and tells which one the server chose", async () => {
      const { server, port } = await startPython();
      const { wsi } = await open(port, { protocol: ["tea", "soup", "chat"] });
      expect(wsi.headers["sec-websocket-protocol"]).toBe("soup");
      wsi.close(1000);
      await server.prints(/^closed 1000 {2}soup \[\]$/m);
    });

    it.each<[string, PermessageDeflateOptions]>([
      ["as it comes", {}],
      ["without context takeover", { serverNoContextTakeover: true, clientNoContextTakeover: true }],
    ])("compresses, %s", async (_how, options) => {
      const { server, port } = await startPython();
      const { client, wsi } = await open(port, {}, { threshold: 0, ...options });
      const agreed = wsi.headers["sec-websocket-extensions"];
      expect(agreed).toMatch(/^permessage-deflate/);
      if (options.serverNoContextTakeover) expect(agreed).toContain("server_no_context_takeover");
      const text = JSON.stringify(Array.from({ length: 400 }, (_, i) => ({ i, word: "compress" })));
      for (let i = 1; i <= 20; i++) {
        const message = i % 4 === 0 ? `short ${i}` : `${i} ${text}`;
        wsi.write(message, TEXT);
        expect(String((await client.nth("CLIENT_RECEIVE", i)).input)).toBe(message);
      }
      wsi.close(1000, "flat");
      await server.prints(/^closed 1000 flat None \['permessage-deflate'\]$/m);
    });

    it("is closed by the server, with code and reason", async () => {
      const { port } = await startPython();
      const { client } = await open(port, { path: "/close" });
      const { input } = await client.nth("CLIENT_CLOSED");
      expect(input).toEqual({ code: 4003, reason: "enough of that", wasClean: true });
    });

    it("is told of a server that goes away", async () => {
      const { server, port } = await startPython();
      const { client } = await open(port);
      await server.stop("SIGKILL");
      expect((await client.nth("CLIENT_CLOSED")).input).toMatchObject({ code: 1006, wasClean: false });
    });

    it("is refused with 401, its headers and its body", async () => {
      const { port } = await startPython();
      const { error } = await connect(port, { path: "/refused" });
      expect(error).toMatchObject({ code: "ERR_HANDSHAKE", status: 401 });
      expect(error!.headers).toMatchObject({ "www-authenticate": 'Basic realm="python"', "x-why": "nobody" });
    });

    it("speaks TLS to a certificate that it was told to trust, and to no other", async () => {
      const { server, port } = await startPython(pem.cert, pem.key);
      const { client, wsi } = await open(port, { ssl: { ca: pem.cert } }, { threshold: 0 });
      expect(wsi.secure).toBe(true);
      const big = Buffer.alloc(900_000, "over TLS ");
      wsi.write(big, BINARY);
      expect(((await client.nth("CLIENT_RECEIVE")).input as Buffer).equals(big)).toBe(true);
      wsi.close(1000);
      await server.prints(/^closed 1000/m);
      const { error } = await connect(port, { ssl: 1 });
      expect(error).toMatchObject({ code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
    });
  });
});
