import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  type CallbackArguments,
  CallbackReason,
  type CallbackResult,
  type ClientConnectOptions,
  type Protocol,
  permessageDeflate,
  WriteProtocol,
} from "../../lib/index.ts";
import { dumbIncrement, lwsMirror } from "../../protocols/index.ts";
import { outcome, startClient } from "../support/client.ts";
import { freePort } from "../support/free-port.ts";
import { isInstalled, Program, stopPrograms } from "../support/program.ts";
import { describeLoops, type LoopName, startServer, type TestServer } from "../support/server.ts";
import { makeCertificate } from "./certificate.ts";
import { ProgramProcess } from "./program-process.ts";
import { ServerProcess } from "./server-process.ts";

/* The test client and the test server against the originals in C, which Debian packs as libwebsockets-test-server. */

const SERVER = "libwebsockets-test-server";
const CLIENT = "libwebsockets-test-client";
const installed = isInstalled(SERVER) && isInstalled(CLIENT);
const why = installed ? "" : ` (skipped: ${SERVER} and ${CLIENT} are not installed)`;

const OUR_CIRCLE = /^c #[0-9a-f]{6} \d+ \d+ \d+;$/;
const THEIR_CIRCLE = /^c #[0-9A-F]{6} \d+ \d+ \d+;$/;
/** Errors, warnings, notices and information: at the last of them they tell that they run, and what they received. */
const LOG_LEVELS = "15";

const textsOf = (session: TestServer): string[] =>
  session.all("CLIENT_RECEIVE").map((note) => String(note.input));

/** A protocol that notes how its sessions ended. */
function watched(protocol: Protocol, options?: unknown): { protocol: Protocol; ends: unknown[] } {
  const ends: unknown[] = [];
  const callback = (...args: CallbackArguments<unknown>): CallbackResult => {
    if (args[1] === CallbackReason.CLOSED) ends.push(args[3]);
    return Reflect.apply(protocol.callback, protocol, args);
  };
  return { protocol: { ...protocol, options, callback }, ends };
}

describe.skipIf(!installed)(`the originals in C${why}`, { timeout: 30_000 }, () => {
  let folder: string;
  let pem: { cert: string; key: string };
  const ours: (ProgramProcess | ServerProcess)[] = [];

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "sluice-original-"));
    pem = makeCertificate(folder);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Ends the programs before the suites around the tests look for what is left open. */
  async function stopAll(): Promise<void> {
    for (const one of ours.splice(0)) {
      if (one instanceof ServerProcess) await one.stop("SIGKILL");
      else {
        one.signal("SIGKILL");
        await one.ended();
      }
    }
    await stopPrograms();
  }

  /** The server in C. It takes the name of the loopback's interface; an address it would not keep to. */
  async function startOriginal(...args: string[]): Promise<number> {
    const port = await freePort();
    const server = new Program(SERVER, ["-p", String(port), "-i", "lo", "-d", LOG_LEVELS, ...args]);
    await server.prints(/CONTEXT_CREATED -> OPERATIONAL/);
    return port;
  }

  function startTestClient(...args: string[]): ProgramProcess {
    const client = new ProgramProcess("client", args);
    ours.push(client);
    return client;
  }

  /** A session of our own, with whatever server. */
  async function visit(loop: LoopName, port: number, options: ClientConnectOptions) {
    const client = await startClient(loop, {
      protocol: { wholeMessages: true },
      extensions: [permessageDeflate()],
    });
    const wsi = client.context.clientConnect({ address: "127.0.0.1", port, ...options });
    expect(await outcome(client)).toBeUndefined();
    return { client, wsi };
  }

  describeLoops("the server", (loop) => {
    afterEach(stopAll);

    it("counts for us, starts again when asked to, and closes when asked to", async () => {
      const port = await startOriginal();
      const { client, wsi } = await visit(loop, port, { protocol: "dumb-increment-protocol" });
      await client.nth("CLIENT_RECEIVE", 5);
      expect(textsOf(client).slice(0, 5)).toEqual(["0", "1", "2", "3", "4"]);
      wsi.write("reset\n", WriteProtocol.TEXT);
      await client.until(() => textsOf(client).lastIndexOf("0") > 0);
      wsi.write("closeme\n", WriteProtocol.TEXT);
      const { input } = await client.nth("CLIENT_CLOSED");
      expect(input).toEqual({ code: 1001, reason: "seeya", wasClean: true });
    });

    it("mirrors what we send to another one of us", async () => {
      const port = await startOriginal();
      const protocol = "lws-mirror-protocol";
      const [here, there] = [await visit(loop, port, { protocol }), await visit(loop, port, { protocol })];
      const sent = Array.from({ length: 20 }, (_, i) => `c #0000ff ${i} ${i * 2} 5;`);
      for (const circle of sent) here.wsi.write(circle, WriteProtocol.TEXT);
      await there.client.nth("CLIENT_RECEIVE", sent.length);
      expect(textsOf(there.client)).toEqual(sent);
      here.wsi.close(1000, "bye");
      const { input } = await here.client.nth("CLIENT_CLOSED");
      expect(input).toMatchObject({ code: 1000, wasClean: true });
    });

    it("agrees with us on permessage-deflate, and tells its status in it", async () => {
      const port = await startOriginal();
      const { client, wsi } = await visit(loop, port, { protocol: "lws-status" });
      expect(wsi.headers["sec-websocket-extensions"]).toBe("permessage-deflate");
      const { input } = await client.nth("CLIENT_RECEIVE");
      expect(JSON.parse(String(input))).toMatchObject({ conns: [{ peer: expect.any(String) }] });
      wsi.close(1000);
      await client.nth("CLIENT_CLOSED");
    });

    it("has its numbers printed by the test client, and shows its circles to others", async () => {
      const port = await startOriginal();
      const { client } = await visit(loop, port, { protocol: "lws-mirror-protocol" });
      const program = startTestClient("--event-loop", loop, "-c", "20", `127.0.0.1:${port}`);
      const numbers = Array.from({ length: 20 }, (_, i) => `${i}\n`).join("");
      expect(await program.ended()).toEqual({ code: 0, stdout: numbers, stderr: "" });
      await client.nth("CLIENT_RECEIVE", 3);
      for (const circle of textsOf(client)) expect(circle).toMatch(OUR_CIRCLE);
    });

    it("speaks TLS with the test client, which knows its certificate", async () => {
      const port = await startOriginal("--ssl", "-C", pem.cert, "-K", pem.key);
      const place = `localhost:${port}`;
      const program = startTestClient("--event-loop", loop, "--ca", pem.cert, "-c", "3", place);
      expect(await program.ended()).toEqual({ code: 0, stdout: "0\n1\n2\n", stderr: "" });
    });
  });

  describeLoops("the client", (loop) => {
    afterEach(stopAll);

    const startOriginalClient = (port: number, ...args: string[]) =>
      new Program(CLIENT, ["127.0.0.1", "-p", String(port), "-d", LOG_LEVELS, ...args]);

    it.each([
      ["in plain", []],
      ["over TLS", ["--ssl", "-s"]],
    ])("%s prints the test server's numbers and draws for others, and ends well on ^C", async (_, args) => {
      const tls = args.length > 0;
      const ssl = tls ? ["--ssl", "--cert", pem.cert, "--key", pem.key] : [];
      const server = await ServerProcess.start("--event-loop", loop, ...ssl);
      ours.push(server);
      const mirror = { protocol: "lws-mirror-protocol", ssl: tls ? 2 : 0 } as const;
      const { client } = await visit(loop, server.port, mirror);
      const original = startOriginalClient(server.port, ...args);
      for (const number of ["0", "1", "5"]) await original.prints(new RegExp(`rx \\d+ '${number}'`));
      await client.nth("CLIENT_RECEIVE", 100);
      for (const circle of textsOf(client)) expect(circle).toMatch(THEIR_CIRCLE);
      expect(await original.stop("SIGINT")).toBe(0);
      expect(original.output.match(/ E: .*/g)).toEqual([" E: Exiting"]);
      expect(await server.stop()).toBe(0);
      expect(server.stderr).toBe("");
    });

    it("answers the Close of a session", async () => {
      const { protocol, ends } = watched(dumbIncrement as Protocol, { closeAfter: 5 });
      const server = await startServer({ eventLoop: loop, protocols: [protocol] });
      const original = startOriginalClient(server.port, "--nomirror");
      await original.prints(/rx 1 '4'/);
      await expect.poll(() => ends).toEqual([{ code: 1000, reason: "close test", wasClean: true }]);
      expect(await original.stop("SIGINT")).toBe(0);
    });

    it("draws with permessage-deflate where the server agrees to it", async () => {
      const { protocol, ends } = watched(lwsMirror as Protocol);
      const extensions = [permessageDeflate({ threshold: 0 })];
      const server = await startServer({ eventLoop: loop, protocols: [protocol], extensions });
      const { client, wsi } = await visit(loop, server.port, { protocol: "lws-mirror-protocol" });
      expect(wsi.headers["sec-websocket-extensions"]).toMatch(/^permessage-deflate/);
      const original = startOriginalClient(server.port, "--justmirror");
      await original.prints(/instantiating client ext permessage-deflate/);
      await client.nth("CLIENT_RECEIVE", 500);
      for (const circle of textsOf(client)) expect(circle).toMatch(THEIR_CIRCLE);
      expect(ends).toEqual([]);
      expect(await original.stop("SIGINT")).toBe(0);
    });
  });
});
