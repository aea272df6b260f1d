import { execFile, spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import WebSocket from "ws";
import { WriteProtocol, type Wsi } from "../../lib/index.ts";
import {
  certificate,
  describeLoops,
  type ServerOptions,
  speaksTls,
  startServer,
  type TestServer,
  temporaryFolder,
} from "../support/server.ts";

const run = promisify(execFile);
const hasCurl = spawnSync("curl", ["--version"]).status === 0;
const why = hasCurl ? "" : " (skipped: no curl here)";

/** Sends back what comes, text as text and binary as binary. */
const echo = {
  RECEIVE: (wsi: Wsi, input: never) =>
    void wsi.write(input, wsi.frameIsBinary() ? WriteProtocol.BINARY : WriteProtocol.TEXT),
};

describeLoops("programs of others", (loop) => {
  const start = (options: ServerOptions = {}) =>
    startServer({ eventLoop: loop, protocol: { wholeMessages: true }, on: echo, ...options });
  const event = (client: WebSocket, name: string) =>
    new Promise<unknown[]>((resolve, reject) => {
      client.once(name, (...args: unknown[]) => resolve(args));
      if (name !== "error") client.once("error", reject);
    });

  describe("the client of ws", () => {
    async function connect(
      server: TestServer,
      protocols: string[] = [],
      options: WebSocket.ClientOptions = {},
    ) {
      const scheme = options.rejectUnauthorized === undefined ? "ws" : "wss";
      const client = new WebSocket(`${scheme}://127.0.0.1:${server.port}/`, protocols, options);
      await event(client, "open");
      return client;
    }
    async function finish(client: WebSocket, code = 1000) {
      const closed = event(client, "close");
      client.close(code);
      return (await closed)[0];
    }

    it("exchanges text, binary and empty messages", async () => {
      const client = await connect(await start());
      for (const data of ["héllo 😀", "", randomBytes(1000), Buffer.alloc(0)]) {
        const answer = event(client, "message");
        client.send(data);
        const [got, binary] = await answer;
        expect(got).toEqual(Buffer.from(data as string));
        expect(binary).toBe(typeof data !== "string");
      }
      expect(await finish(client)).toBe(1000);
    });

    it("exchanges messages of 1 MiB", async () => {
      const client = await connect(await start());
      const data = randomBytes(1 << 20);
      for (let i = 0; i < 5; i++) {
        const answer = event(client, "message");
        client.send(data);
        expect(data.equals((await answer)[0] as Buffer)).toBe(true);
      }
      await finish(client);
    });

    it("exchanges a thousand messages in flight, in order", async () => {
      const client = await connect(await start());
      const got: string[] = [];
      const all = new Promise<void>((resolve) =>
        client.on("message", (data) => void (got.push(String(data)) === 1000 && resolve())),
      );
      const texts = Array.from({ length: 1000 }, (_, i) => `message ${i}`);
      for (const text of texts) client.send(text);
      await all;
      expect(got).toEqual(texts);
      await finish(client);
    });

    it("sends fragments and receives fragments", async () => {
      const server = await start();
      const client = await connect(server);
      const answer = event(client, "message");
      client.send("one ", { fin: false });
      client.send("two ", { fin: false });
      client.send("three");
      expect(String((await answer)[0])).toBe("one two three");
      const { wsi } = await server.nth("ESTABLISHED");
      const assembled = event(client, "message");
      wsi.write("a", WriteProtocol.TEXT | WriteProtocol.NO_FIN);
      wsi.write("b", WriteProtocol.CONTINUATION | WriteProtocol.NO_FIN);
      wsi.write("c", WriteProtocol.CONTINUATION);
      expect(String((await assembled)[0])).toBe("abc");
      await finish(client);
    });

    it("pings and is pinged", async () => {
      const server = await start();
      const client = await connect(server);
      const pong = event(client, "pong");
      client.ping("hi");
      expect(String((await pong)[0])).toBe("hi");
      const ping = event(client, "ping");
      (await server.nth("ESTABLISHED")).wsi.ping("ho");
      expect(String((await ping)[0])).toBe("ho");
      expect(String((await server.nth("RECEIVE_PONG")).input)).toBe("ho");
      await finish(client);
    });

    it("closes and is closed with codes and reasons", async () => {
      const server = await start();
      const client = await connect(server);
      client.close(4001, "mine");
      expect((await server.nth("CLOSED")).input).toEqual({ code: 4001, reason: "mine", wasClean: true });
      const other = await connect(server);
      const closed = event(other, "close");
      (await server.nth("ESTABLISHED", 2)).wsi.close(4002, "yours");
      expect((await closed).map(String)).toEqual(["4002", "yours"]);
      expect((await server.nth("CLOSED", 2)).input).toMatchObject({ code: 4002, wasClean: true });
    });

    it("agrees on a sub-protocol", async () => {
      const client = await connect(await start(), ["other", "test"]);
      expect(client.protocol).toBe("test");
      await finish(client);
    });

    it("is told the status of a refusal", async () => {
      const server = await start({ on: { FILTER_PROTOCOL_CONNECTION: (wsi) => wsi.reject(401) } });
      const client = new WebSocket(`ws://127.0.0.1:${server.port}/`);
      expect(String(await event(client, "error"))).toContain("401");
    });

    it.runIf(speaksTls(loop))("speaks TLS", async () => {
      const server = await start({ ssl: certificate });
      const client = await connect(server, [], { rejectUnauthorized: false });
      const answer = event(client, "message");
      client.send("secret");
      expect(String((await answer)[0])).toBe("secret");
      await finish(client);
    });
  });

  describe.skipIf(!hasCurl)(`curl${why}`, () => {
    const curl = async (...args: string[]) => (await run("curl", ["-sS", "--noproxy", "*", ...args])).stdout;
    const url = (server: TestServer, path = "/", scheme = "http") =>
      `${scheme}://127.0.0.1:${server.port}${path}`;

    it("gets a reply, with its status", async () => {
      const server = await start({
        on: { HTTP: (wsi) => wsi.httpReply(418, {}, `at ${wsi.uri}?${wsi.query}`) },
      });
      expect(await curl("-w", " %{http_code}", url(server, "/a?b"))).toBe("at /a?b 418");
    });

    it("gets two replies over one connection", async () => {
      const server = await start();
      expect(await curl(url(server), url(server, "/2"))).toBe("plainplain");
      expect(server.all("FILTER_NETWORK_CONNECTION")).toHaveLength(1);
    });

    it.each(["--http1.1", "--http1.0"])("gets a streamed reply (%s)", async (version) => {
      const server = await start({
        on: {
          HTTP(wsi) {
            wsi.writeHttpHeaders(200, { "content-type": "text/plain" });
            wsi.write("first ", WriteProtocol.HTTP);
            wsi.write("last", WriteProtocol.HTTP_FINAL);
          },
        },
      });
      expect(await curl(version, url(server))).toBe("first last");
    });

    it.each([[], ["-H", "Transfer-Encoding: chunked"]])("posts a body (%j)", async (...args) => {
      const file = join(temporaryFolder(), "body");
      writeFileSync(file, "b".repeat(300_000));
      const server = await start({
        on: { HTTP: () => {}, HTTP_BODY_COMPLETION: (wsi) => wsi.httpReply(200, {}, "thanks") },
      });
      expect(await curl(...args.flat(), "--data-binary", `@${file}`, url(server))).toBe("thanks");
      expect(server.all("HTTP_BODY").reduce((sum, note) => sum + note.len, 0)).toBe(300_000);
    });

    it("uploads a form with a file, which is read as it comes", async () => {
      const data = randomBytes(900_000);
      const file = join(temporaryFolder(), "data.bin");
      writeFileSync(file, data);
      const server = await start({
        on: {
          async HTTP(wsi) {
            const lines: string[] = [];
            for await (const part of wsi.readMultipart()) {
              if (part.kind === "field") lines.push(`${part.name}=${part.value}`);
              else {
                const hash = createHash("sha256");
                for await (const piece of part.stream) hash.update(piece as Buffer);
                lines.push(`${part.name}: ${part.filename} ${hash.digest("hex")}`);
              }
            }
            wsi.httpReply(200, {}, lines.join("\n"));
          },
        },
      });
      const sum = createHash("sha256").update(data).digest("hex");
      const answer = await curl("-F", "title=a & b", "-F", `file=@${file}`, url(server));
      expect(answer).toBe(`title=a & b\nfile: data.bin ${sum}`);
    });

    it("gets files and the head alone", async () => {
      const origin = temporaryFolder();
      writeFileSync(join(origin, "f.txt"), "0123456789");
      const server = await start({ mounts: [{ mountpoint: "/", origin }] });
      expect(await curl(url(server, "/f.txt"))).toBe("0123456789");
      expect(await curl("-I", url(server, "/f.txt"))).toMatch(/content-length: 10/i);
    });

    it.runIf(speaksTls(loop))("speaks TLS", async () => {
      const server = await start({ ssl: certificate });
      expect(await curl("--cacert", certificate.cert, url(server, "/", "https"))).toBe("plain");
    });

    it("follows a redirect", async () => {
      const server = await start({
        on: {
          HTTP: (wsi) => (wsi.uri === "/" ? wsi.redirect(302, "/there") : wsi.httpReply(200, {}, "there")),
        },
      });
      expect(await curl("-L", url(server))).toBe("there");
    });
  });
});
