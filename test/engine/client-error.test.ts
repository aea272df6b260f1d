import { readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { afterEach, describe, expect, it, test } from "vitest";
import { codedError } from "../../lib/base/errors.ts";
import { connectionError, refusal } from "../../lib/engine/client-error.ts";
import { permessageDeflate } from "../../lib/index.ts";
import { type Answer, FakeServer, outcome, startClient, stopFakes, switching } from "../support/client.ts";
import { rounds } from "../support/raw.ts";
import { certificate, describeLoops, type ServerOptions, type TestServer } from "../support/server.ts";

test("a refusal has a code, a status and headers", () => {
  const error = refusal("ERR_HANDSHAKE", "no", 401, { "www-authenticate": "Basic" });
  expect(error).toBeInstanceOf(Error);
  expect({ ...error, message: error.message }).toEqual({
    code: "ERR_HANDSHAKE",
    message: "no",
    status: 401,
    headers: { "www-authenticate": "Basic" },
  });
});

test("an error keeps its code and text, and gets what it lacks", () => {
  const right = codedError("ECONNREFUSED", "no");
  expect(connectionError(right)).toBe(right);
  expect(connectionError(new Error("text"))).toMatchObject({ code: "ECONNRESET", message: "text" });
  expect(connectionError(codedError("EPROTO", "")).message).toContain("EPROTO");
});

async function refusingPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const pem = { cert: readFileSync(certificate.cert, "utf8"), key: readFileSync(certificate.key, "utf8") };

/** Half a reply: the first `cut` bytes of a right one, then the end. */
const cutAt =
  (cut: number, how: "end" | "reset"): Answer =>
  async (peer, request) => {
    await peer.send(switching(request).slice(0, cut));
    if (how === "end") peer.end();
    else peer.socket.resetAndDestroy();
  };

/** All were told ECONNRESET, once each, and nothing is left. */
async function allReset(client: TestServer, count: number): Promise<void> {
  await client.nth("CLIENT_CONNECTION_ERROR", count);
  const told = client.all("CLIENT_CONNECTION_ERROR");
  expect(told.map(({ input }) => (input as { code: string }).code)).toEqual(Array(count).fill("ECONNRESET"));
  expect(client.all("CLIENT_ESTABLISHED")).toEqual([]);
  expect(client.context.connections).toBe(0);
}

describeLoops("CLIENT_CONNECTION_ERROR", (loop) => {
  afterEach(stopFakes);

  async function errorOf(answer: Answer, options: ServerOptions = {}, more: object = {}, tls?: typeof pem) {
    const fake = await FakeServer.start(answer, tls);
    const client = await startClient(loop, options);
    client.context.clientConnect({ url: fake.url, ...more });
    const error = await outcome(client);
    expect(client.names().filter((name) => name !== "CLIENT_APPEND_HANDSHAKE_HEADER")).toEqual([
      "CLIENT_CONNECTION_ERROR",
    ]);
    expect(client.context.connections).toBe(0);
    return error!;
  }

  it("comes with ECONNREFUSED where nobody listens, at an address and at a name", async () => {
    const port = await refusingPort();
    for (const address of ["127.0.0.1", "localhost"]) {
      const client = await startClient(loop);
      client.context.clientConnect({ address, port });
      const error = (await outcome(client))!;
      expect(error.code).toBe("ECONNREFUSED");
      expect(error.message).toContain(`connect ECONNREFUSED 127.0.0.1:${port}`);
      expect([error.status, error.headers]).toEqual([undefined, undefined]);
    }
  });

  it("comes with ENOENT for a socket that is not there", async () => {
    const client = await startClient(loop);
    client.context.clientConnect({ socketPath: "/nowhere/at/all" });
    expect((await outcome(client))?.code).toBe("ENOENT");
  });

  it("comes with the resolver's code for a name that there is not", async () => {
    const client = await startClient(loop);
    client.context.clientConnect({ address: "does-not-exist.invalid" });
    expect(["ENOTFOUND", "EAI_AGAIN"]).toContain((await outcome(client))?.code);
  });

  it("comes with ETIMEDOUT when the server says nothing, by the option or by timeouts.connect", async () => {
    const say =
      (text: string): Answer =>
      (peer) =>
        peer.send(text);
    for (const text of ["", "HTTP/1.1 101 Swi"]) {
      expect((await errorOf(say(text), {}, { timeout: 30 })).code).toBe("ETIMEDOUT");
      const error = await errorOf(say(text), { timeouts: { connect: 30 } });
      expect(error).toMatchObject({ code: "ETIMEDOUT", message: "no reply to the handshake within 30 ms" });
    }
  });

  describe("has status and headers where a server answered:", () => {
    it.each([
      [
        "401",
        'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 2\r\n\r\nno',
        401,
      ],
      ["200", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200],
      ["503 without a length", "HTTP/1.0 503 Busy\r\n\r\nbusy", 503],
      ["a redirect that nobody follows", "HTTP/1.1 302 Found\r\nLocation: /there\r\n\r\n", 302],
      ["100, then 426", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 426 Old\r\nContent-Length: 0\r\n\r\n", 426],
    ])("%s", async (_what, reply, status) => {
      const error = await errorOf((peer) => peer.send(reply));
      expect(error).toMatchObject({ code: "ERR_HANDSHAKE", status });
      expect(error.headers).toBeTypeOf("object");
      if (status === 401) expect(error.headers?.["www-authenticate"]).toBe('Basic realm="x"');
    });
  });

  describe("comes for a wrong 101 (row 48):", () => {
    const right = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
    const changed =
      (change: (reply: string) => string): Answer =>
      (peer, request) =>
        peer.send(change(switching(request)));

    it.each<[string, Answer]>([
      ["without Upgrade", changed((reply) => reply.replace(/Upgrade: websocket\r\n/, ""))],
      ["without Connection", changed((reply) => reply.replace(/Connection: .*\r\n/, ""))],
      ["without Accept", (peer) => peer.send(`HTTP/1.1 101 S\r\n${right}\r\n`)],
      [
        "with a wrong Accept",
        changed((reply) => reply.replace(/(Accept: ).*/, "$1AAAAAAAAAAAAAAAAAAAAAAAAAAA=")),
      ],
      ["in HTTP/1.0", changed((reply) => reply.replace("HTTP/1.1", "HTTP/1.0"))],
      [
        "with a sub-protocol that nobody asked for",
        (peer, request) => peer.send(switching(request, "Sec-WebSocket-Protocol: x\r\n")),
      ],
      [
        "with an extension that nobody offered",
        (peer, request) => peer.send(switching(request, "Sec-WebSocket-Extensions: permessage-deflate\r\n")),
      ],
    ])("%s", async (_what, answer) => {
      expect(await errorOf(answer)).toMatchObject({ code: "ERR_HANDSHAKE", status: 101 });
    });

    it.each([
      "permessage-deflate; client_max_window_bits=16",
      "permessage-deflate; server_max_window_bits=7",
      "permessage-deflate; unknown",
      "permessage-deflate, permessage-deflate",
      "x-other",
      "permessage-deflate; =",
    ])("with the extensions %s, which answer no offer", async (extensions) => {
      const answer: Answer = (peer, request) =>
        peer.send(switching(request, `Sec-WebSocket-Extensions: ${extensions}\r\n`));
      const error = await errorOf(answer, { extensions: [permessageDeflate()] });
      expect(error).toMatchObject({ code: "ERR_HANDSHAKE", status: 101 });
    });
  });

  describe("comes for what is no reply:", () => {
    it.each([
      ["garbage", "\x00\x01\x02garbage\r\n\r\n"],
      ["another protocol", "SSH-2.0-OpenSSH_9\r\n"],
      ["a bare LF", "HTTP/1.1 101 S\n\n"],
      ["a folded header", "HTTP/1.1 101 S\r\nA: b\r\n c\r\n\r\n"],
      ["a head of 20 KiB", `HTTP/1.1 101 S\r\nA: ${"x".repeat(20_000)}`],
      ["nine interim replies", "HTTP/1.1 103 Early\r\n\r\n".repeat(9)],
    ])("%s", async (_what, text) => {
      expect((await errorOf((peer) => peer.send(text))).code).toBe("ERR_HANDSHAKE");
    });

    it("a server that speaks before it is asked", async () => {
      const fake = createServer((socket) => {
        socket.on("error", () => {}).resume();
        socket.write("HTTP/1.1 101 S\r\n\r\n");
      });
      await new Promise<void>((resolve) => fake.listen(0, "127.0.0.1", resolve));
      const on = { CLIENT_APPEND_HANDSHAKE_HEADER: () => new Promise<void>(() => {}) };
      const client = await startClient(loop, { on });
      client.context.clientConnect({ address: "127.0.0.1", port: (fake.address() as { port: number }).port });
      expect(await outcome(client)).toMatchObject({ code: "ERR_HANDSHAKE" });
      await new Promise((resolve) => fake.close(resolve));
    });
  });

  it.each(["end", "reset"] as const)(
    "comes for a 101 that is cut at any byte by %s, and leaks nothing",
    async (how) => {
      const whole = switching("Sec-WebSocket-Key: x\r\n").length;
      const client = await startClient(loop);
      const fakes = await Promise.all(
        Array.from({ length: whole }, (_, cut) => FakeServer.start(cutAt(cut, how))),
      );
      for (const { url } of fakes) client.context.clientConnect({ url });
      await allReset(client, whole);
    },
  );

  describe("comes once over TLS, and leaks nothing, for", () => {
    const over = (answer: Answer, more: object = {}, options: ServerOptions = {}) =>
      errorOf(answer, options, { ssl: 2, ...more }, pem);

    it.each([
      ["garbage", "\x00\x01\x02garbage\r\n\r\n", undefined],
      ["an endless head", `HTTP/1.1 101 S\r\nA: ${"x".repeat(20_000)}`, undefined],
      ["an endless list of headers", `HTTP/1.1 101 S\r\n${"A: b\r\n".repeat(200)}`, undefined],
      ["a refusal", "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", 403],
      ["a wrong Accept (row 48)", "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 101],
    ])("%s", async (_what, text, status) => {
      const error = await over((peer) => peer.send(text));
      expect([error.code, error.status]).toEqual(["ERR_HANDSHAKE", status]);
    });

    it("an extension and a sub-protocol that nobody asked for (row 48)", async () => {
      for (const header of ["Extensions: permessage-deflate", "Protocol: x"])
        expect(
          await over((peer, request) => peer.send(switching(request, `Sec-WebSocket-${header}\r\n`))),
        ).toMatchObject({ code: "ERR_HANDSHAKE", status: 101 });
    });

    it("half a head, until the time is up", async () => {
      const error = await over((peer) => peer.send("HTTP/1.1 101 Swi"), { timeout: 150 });
      expect(error.code).toBe("ETIMEDOUT");
    });

    it("a 101 that is cut at any byte", async () => {
      const whole = switching("Sec-WebSocket-Key: x\r\n").length;
      let cut = 0;
      const fake = await FakeServer.start((peer, request) => cutAt(cut++, "end")(peer, request), pem);
      const client = await startClient(loop);
      for (let i = 0; i < whole; i++) client.context.clientConnect({ url: fake.url, ssl: 2 });
      await allReset(client, whole);
    });

    it("a TLS handshake that is cut anywhere", async () => {
      const fake = await FakeServer.start(() => {}, pem);
      // The server's part of the handshake has some 1,400 bytes.
      for (let cut = 0; cut < 1400; cut += 100) {
        const between = createServer((socket) => {
          const server = connect(fake.port, "127.0.0.1");
          let left = cut;
          socket.on("error", () => {}).pipe(server.on("error", () => {}));
          server.on("close", () => socket.destroy());
          server.on("data", (bytes) => {
            socket.write(bytes.subarray(0, left));
            left -= bytes.length;
            if (left <= 0) server.destroy();
          });
        });
        await new Promise<void>((resolve) => between.listen(0, "127.0.0.1", resolve));
        const { port } = between.address() as { port: number };
        const client = await startClient(loop);
        client.context.clientConnect({ address: "127.0.0.1", port, ssl: 2 });
        expect((await outcome(client))?.code).toMatch(/^(ECONNRESET|EPIPE|ERR_SSL_|EPROTO)/);
        await new Promise((resolve) => between.close(resolve));
        await client.destroy();
        expect(client.all("CLIENT_CONNECTION_ERROR")).toHaveLength(1);
      }
    });
  });

  it("does not come for a 101 that arrives byte by byte", async () => {
    const fake = await FakeServer.start(async (peer, request) => {
      for (const byte of switching(request)) {
        await peer.send(byte);
        await rounds(2);
      }
    });
    const client = await startClient(loop);
    client.context.clientConnect({ url: fake.url });
    expect(await outcome(client)).toBeUndefined();
  });

  it("comes for extensions whose offer throws", async () => {
    const broken = permessageDeflate();
    const extension = {
      ...broken,
      offer: () => {
        throw new Error("no");
      },
    };
    const error = await errorOf(() => {}, { extensions: [Object.assign(Object.create(broken), extension)] });
    expect(error.code).toBe("ERR_CALLBACK");
  });
});
