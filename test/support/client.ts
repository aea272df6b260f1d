import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { type ConnectionError, NO_LISTEN } from "../../lib/index.ts";
import { acceptValue } from "../../lib/ws/handshake-server.ts";
import { RawClient } from "./raw.ts";
import { type LoopName, type ServerOptions, startServer, type TestServer } from "./server.ts";

/** A context that listens nowhere, and whose protocol writes everything down. */
export function startClient(loop: LoopName, options: ServerOptions = {}): Promise<TestServer> {
  return startServer({ eventLoop: loop, port: NO_LISTEN, ...options });
}

/** The outcome of the first connection: its error, or undefined when it was established. */
export async function outcome(client: TestServer): Promise<ConnectionError | undefined> {
  const told = () => client.all("CLIENT_ESTABLISHED").length + client.all("CLIENT_CONNECTION_ERROR").length;
  await client.until(() => told() > 0);
  return client.all("CLIENT_CONNECTION_ERROR")[0]?.input as ConnectionError | undefined;
}

/** What a right server answers to this request. */
export function switching(request: string, headers = ""): string {
  const key = /^sec-websocket-key: (.*)\r$/im.exec(request)?.[1] ?? "";
  return (
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
    `Sec-WebSocket-Accept: ${acceptValue(key)}\r\n${headers}\r\n`
  );
}

/** What a fake server does with a connection, once its request is there. */
export type Answer = (peer: RawClient, request: string) => unknown;

/** A server that answers as a test spells it out, right or wrong. */
export class FakeServer {
  readonly requests: string[] = [];
  readonly peers: RawClient[] = [];
  readonly #server: Server;
  readonly #scheme: "ws" | "wss";
  readonly #sockets = new Set<Socket>();

  constructor(answer: Answer, tls?: { cert: string; key: string }) {
    const shared = { allowHalfOpen: true, noDelay: true };
    const onSocket = (socket: Socket) => {
      const peer = new RawClient(socket);
      this.peers.push(peer);
      void peer.until("\r\n\r\n").then(
        (head) => {
          this.requests.push(head.toString("latin1"));
          return answer(peer, head.toString("latin1"));
        },
        () => socket.destroy(),
      );
    };
    this.#scheme = tls === undefined ? "ws" : "wss";
    this.#server =
      tls === undefined ? createServer(shared, onSocket) : createTlsServer({ ...shared, ...tls }, onSocket);
    // Before TLS too: a handshake may never end.
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  /** @param tls - Certificate and key as PEM text, for one that speaks TLS. */
  static async start(answer: Answer, tls?: { cert: string; key: string }): Promise<FakeServer> {
    const fake = new FakeServer(answer, tls);
    fakes.add(fake);
    await new Promise<void>((resolve) => fake.#server.listen(0, "127.0.0.1", resolve));
    return fake;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${this.port}/`;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const fakes = new Set<FakeServer>();

/** Ends all fake servers; for `afterEach`. */
export async function stopFakes(): Promise<void> {
  await Promise.all([...fakes].map((fake) => fake.stop()));
  fakes.clear();
}

/** The next frame of a client, of at most 125 bytes. Throws for one without a mask. */
export async function clientFrame(
  peer: RawClient,
): Promise<{ opcode: number; mask: string; payload: Buffer }> {
  const [first, second] = await peer.bytes(2);
  if ((second & 0x80) === 0) throw new Error("a client's frame without a mask");
  const mask = await peer.bytes(4);
  const payload = await peer.bytes(second & 0x7f);
  for (let i = 0; i < payload.length; i++) payload[i] ^= mask[i & 3];
  return { opcode: first & 0x0f, mask: mask.toString("hex"), payload };
}
