import { once } from "node:events";
import { ANY_PORT, type Context, createContext, type Protocol } from "sluice";
import { dumbIncrement, echo, lwsMirror, lwsStatus, type SessionReport } from "sluice/protocols";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";

/** The bundled protocols through a real context, as a client sees them. */
let context: Context;
let running: Promise<void>;

beforeEach(async () => {
  const impatient = { ...lwsMirror, options: { cutAfter: 200 } };
  const protocols: Protocol[] = [dumbIncrement, impatient, lwsStatus, echo];
  context = await createContext({ port: ANY_PORT, host: "127.0.0.1", protocols });
  running = context.run();
});
afterEach(async () => {
  await context.destroy();
  await running;
});

/** A client that keeps what it got. */
class Client {
  readonly received: string[] = [];
  readonly binary: boolean[] = [];
  readonly socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("message", (data, isBinary) => {
      this.received.push(String(data));
      this.binary.push(isBinary);
    });
  }

  static async open(protocol: string, query = ""): Promise<Client> {
    const client = new Client(new WebSocket(`ws://127.0.0.1:${context.port}/${query}`, protocol));
    await once(client.socket, "open");
    return client;
  }

  async got(count: number): Promise<string[]> {
    while (this.received.length < count) await once(this.socket, "message");
    return this.received;
  }
}

describe("echo, served", () => {
  it("sends messages of any length back, in order and of the same type", async () => {
    const client = await Client.open("echo");
    const messages = ["", "a", "ü".repeat(50_000), "x".repeat(1_000_000)];
    for (const message of messages) client.socket.send(message);
    client.socket.send(Buffer.from("bin"));
    expect(await client.got(5)).toEqual([...messages, "bin"]);
    expect(client.binary).toEqual([false, false, false, false, true]);
  });

  it("does not grow for a client that sends and does not read", async () => {
    const client = await Client.open("echo");
    client.socket.pause();
    const chunk = Buffer.alloc(1_000_000);
    for (let i = 0; i < 40; i += 1) client.socket.send(chunk);
    const [session] = context.sessions();
    await expect.poll(() => session!.sendPipeChoked()).toBe(true);
    client.socket.resume();
    await client.got(40);
    expect(client.received.every((data) => data.length === chunk.length)).toBe(true);
  });
});

describe("dumb-increment, served", () => {
  it("counts from zero, and again after reset", async () => {
    const client = await Client.open("dumb-increment-protocol");
    expect((await client.got(3)).slice(0, 3)).toEqual(["0", "1", "2"]);
    client.socket.send("reset\n");
    while (client.received.lastIndexOf("0") < 3) await once(client.socket, "message");
  });

  it("closes when it is asked to", async () => {
    const client = await Client.open("dumb-increment-protocol");
    client.socket.send("closeme\n");
    const [code, reason] = await once(client.socket, "close");
    expect([code, String(reason)]).toEqual([1001, "seeya"]);
  });
});

describe("lws-mirror, served", () => {
  it("gives everybody in the room every message in one order", async () => {
    const clients = [];
    for (let i = 0; i < 3; i += 1) clients.push(await Client.open("lws-mirror-protocol", "?mirror=a"));
    const elsewhere = await Client.open("lws-mirror-protocol", "?mirror=b");
    for (let i = 0; i < 200; i += 1) {
      for (const [index, { socket }] of clients.entries()) socket.send(`${index}:${i}`);
    }
    const [first, ...others] = await Promise.all(clients.map((client) => client.got(600)));
    for (const other of others) expect(other).toEqual(first);
    expect(new Set(first).size).toBe(600);
    expect(elsewhere.received).toEqual([]);
  });

  it("loses nothing when far more is sent than a room holds", async () => {
    const [sender, reader] = [
      await Client.open("lws-mirror-protocol"),
      await Client.open("lws-mirror-protocol"),
    ];
    const message = "x".repeat(60_000);
    for (let i = 0; i < 400; i += 1) sender.socket.send(`${i} ${message}`);
    const got = await reader.got(400);
    expect(got.map((text) => Number.parseInt(text, 10))).toEqual(Array.from({ length: 400 }, (_, i) => i));
  });

  it("cuts a reader that keeps the others waiting, and goes on with them", async () => {
    const [sender, slow] = [
      await Client.open("lws-mirror-protocol"),
      await Client.open("lws-mirror-protocol"),
    ];
    slow.socket.pause();
    const message = "x".repeat(60_000);
    for (let i = 0; i < 800; i += 1) sender.socket.send(`${i} ${message}`);
    expect(await sender.got(800)).toHaveLength(800);
    expect([...context.sessions()]).toHaveLength(1);
    slow.socket.resume();
    expect((await once(slow.socket, "close"))[0]).toBe(1006);
  });

  it("refuses a name that is too long with 400", async () => {
    const url = `ws://127.0.0.1:${context.port}/?mirror=${"x".repeat(65)}`;
    const [error] = await once(new WebSocket(url, "lws-mirror-protocol"), "error").catch((thrown) => [
      thrown,
    ]);
    expect(String(error)).toContain("400");
  });

  it("closes with 1009 when a message is too long", async () => {
    const client = await Client.open("lws-mirror-protocol");
    client.socket.send("x".repeat(65_537));
    expect((await once(client.socket, "close"))[0]).toBe(1009);
  });
});

describe("lws-status, served", () => {
  const list = (text: string | undefined) => JSON.parse(text ?? "[]") as SessionReport[];

  it("lists the sessions of all protocols, and again when one comes or goes", async () => {
    const watcher = await Client.open("lws-status");
    const other = await Client.open("echo");
    const protocols = () => list(watcher.received.at(-1)).map(({ protocol }) => protocol);
    await expect.poll(protocols).toEqual(["lws-status", "echo"]);
    other.socket.close();
    await expect.poll(protocols).toEqual(["lws-status"]);
  });

  it("counts bytes and messages both ways", async () => {
    const other = await Client.open("echo");
    other.socket.send("12345");
    await other.got(1);
    const watcher = await Client.open("lws-status");
    await watcher.got(1);
    expect(list(watcher.received[0]).find(({ protocol }) => protocol === "echo")).toMatchObject({
      address: "127.0.0.1",
      bytesReceived: 5,
      bytesSent: 5,
      messagesReceived: 1,
      messagesSent: 1,
    });
  });
});
