import { readFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { createEpollLoop } from "../../lib/loop/epoll/epoll.ts";
import type { ConnectOptions, Link, Loop } from "../../lib/loop/loop.ts";
import { createNodeLoop } from "../../lib/loop/node.ts";
import { checkLeaks } from "../support/leaks.ts";
import { loops } from "../support/server.ts";

/* Connecting through a prelude and with TLS, which is Node's on both loops; the rest is in the loops' contract. */

const read = (name: string) => readFileSync(new URL(`../support/${name}`, import.meta.url), "utf8");
const tls = { cert: read("cert.pem"), key: read("key.pem") };

describe.each(loops)("connecting on the %s loop", (name) => {
  checkLeaks();
  let loop: Loop;
  const open = new Set<{ destroy(): void }>();
  afterEach(async () => {
    await loop.close();
    for (const each of open) each.destroy();
    open.clear();
  });

  async function listen(server: Server, onSocket: (socket: Socket) => void = () => {}): Promise<number> {
    server.on("connection", (socket: Socket) => {
      open.add(socket.on("error", () => {}));
      onSocket(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    open.add({ destroy: () => server.close() });
    return (server.address() as { port: number }).port;
  }

  /** What came of it: the text of what arrived, or the error. */
  function connect(options: Omit<ConnectOptions, "timeout">, say = "", timeout = 5000): Promise<string> {
    loop = name === "epoll" ? createEpollLoop() : createNodeLoop();
    void loop.run();
    return new Promise((resolve) => {
      const onLink = (link: Link) => {
        link.send(Buffer.from(say), 0, say.length);
        const onBytes = (bytes: Buffer, start: number, end: number) =>
          resolve(`${link.secure} ${bytes.toString("latin1", start, end)}`);
        return { onBytes, onEnd() {}, onWritable() {}, onClose: () => resolve("closed") };
      };
      const onError = (error: Error) => resolve((error as { code?: string }).code ?? error.message);
      loop.connect({ host: "127.0.0.1", ...options, timeout }, onLink, onError);
    });
  }

  /** A prelude that asks "?" and takes as its answer what ends in "!". */
  const prelude = {
    ask: Buffer.from("?"),
    hear(bytes: Buffer) {
      if (bytes.includes("x")) throw Object.assign(new Error("refused"), { code: "EREFUSED" });
      return bytes.includes("!") ? bytes.indexOf("!") + 1 : -1;
    },
  };

  it("speaks TLS, with the name that is asked for", async () => {
    const names: unknown[] = [];
    const server = createTlsServer({ ...tls }, (socket) => {
      names.push((socket as Socket & { servername: unknown }).servername);
      socket.on("error", () => {}).pipe(socket);
    });
    const port = await listen(server);
    expect(await connect({ port, tls: { ca: tls.cert, servername: "localhost" } }, "hello")).toBe(
      "true hello",
    );
    expect(names).toEqual(["localhost"]);
  });

  it("says why TLS failed", async () => {
    const port = await listen(createTlsServer({ ...tls }));
    expect(await connect({ port, tls: {} })).toBe("DEPTH_ZERO_SELF_SIGNED_CERT");
  });

  it.each([
    { ca: "broken -----BEGIN " },
    { cert: "/not/there", key: tls.key },
    { key: "-----BEGIN nothing", cert: tls.cert },
  ])("tells of a certificate that is none, %#", async (options) => {
    const port = await listen(createTlsServer({ ...tls }));
    expect(await connect({ port, tls: options })).toMatch(/^(ERR_|DEPTH)/);
  });

  it("fails when the server closes in the midst of TLS", async () => {
    const port = await listen(createServer(), (socket) => socket.once("data", () => socket.destroy()));
    expect(await connect({ port, tls: {} })).toBe("ECONNRESET");
  });

  it("runs out of time while TLS is silent", async () => {
    const port = await listen(createServer());
    expect(await connect({ port, tls: {} }, "", 30)).toBe("ETIMEDOUT");
  });

  it("says the prelude first, and delivers what came behind its answer", async () => {
    const port = await listen(createServer(), (socket) => {
      socket.once("data", (asked) => {
        socket.write("wait");
        setImmediate(() => socket.write(`${asked}!behind`));
      });
    });
    expect(await connect({ port, prelude })).toBe("false behind");
  });

  it.each([
    ["what the prelude throws", (socket: Socket) => void socket.write("x"), "EREFUSED"],
    ["ECONNRESET when it is not answered", (socket: Socket) => void socket.end(), "ECONNRESET"],
  ])("tells %s", async (_what, answer, code) => {
    const port = await listen(createServer(), (socket) => answer(socket.resume()));
    expect(await connect({ port, prelude })).toBe(code);
  });

  it("tells nothing once it is given up", async () => {
    const port = await listen(createServer());
    loop = name === "epoll" ? createEpollLoop() : createNodeLoop();
    void loop.run();
    let told = 0;
    const count = () => {
      told++;
      return null;
    };
    loop.connect({ host: "127.0.0.1", port, tls: {}, timeout: 5000 }, count, count)();
    await loop.close();
    expect(told).toBe(0);
  });

  it("fails with ECANCELED when the loop is closed meanwhile", async () => {
    const port = await listen(createServer());
    const outcome = connect({ port, tls: {} });
    await loop.close();
    expect(await outcome).toBe("ECANCELED");
  });
});
