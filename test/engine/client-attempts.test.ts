import { getEventListeners } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import {
  type ClientConnectOptions,
  type ClientRetry,
  type CloseInfo,
  type ConnectionError,
  WriteProtocol,
  type Wsi,
} from "../../lib/index.ts";
import { type Answer, FakeServer, startClient, stopFakes, switching } from "../support/client.ts";
import { closeFrame, textFrame } from "../support/frames.ts";
import { rounds } from "../support/raw.ts";
import { describeLoops, type Hooks, type ServerOptions, temporaryFolder } from "../support/server.ts";

const plain = { masked: false };
const quick: ClientRetry = { minDelay: 1, maxDelay: 4 };
const busy: Answer = (peer) => peer.send("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
const accept: Answer = (peer, request) => peer.send(switching(request));
/** Accepts, and closes with this code; 1006 stands for no Close at all. */
const closing =
  (code: number): Answer =>
  async (peer, request) => {
    await peer.send(switching(request));
    if (code === 1006) return peer.abort();
    await peer.send(closeFrame(code, "", plain));
    await peer.bytes(8);
    return peer.end();
  };
/** One answer after the other, the last one for ever. */
const inTurn = (...answers: Answer[]): Answer => {
  let next = 0;
  return (peer, request) => answers[Math.min(next++, answers.length - 1)](peer, request);
};

describeLoops("the attempts of a client", (loop) => {
  afterEach(stopFakes);

  async function connect(
    answer: Answer,
    retry: ClientRetry | undefined,
    on: Hooks = {},
    more: Partial<ClientConnectOptions> = {},
    options: ServerOptions = {},
  ) {
    const fake = await FakeServer.start(answer);
    const client = await startClient(loop, { on, ...options });
    const all: ClientConnectOptions = { url: fake.url, ...more };
    if (retry !== undefined) all.retry = retry;
    return { fake, client, wsi: client.context.clientConnect(all) };
  }
  type Client = Awaited<ReturnType<typeof startClient>>;
  const errors = (client: Client) =>
    client.all("CLIENT_CONNECTION_ERROR").map(({ input }) => input as ConnectionError);
  /** Whatever was going to happen within a few milliseconds has happened. */
  const settle = async (client: Client) => {
    await new Promise((resolve) => setTimeout(resolve, 30));
    await rounds();
    expect(client.context.connections).toBe(0);
  };

  it("are one unless retry says otherwise", async () => {
    const { client, fake, wsi } = await connect(busy, undefined);
    await client.nth("CLIENT_CONNECTION_ERROR");
    await settle(client);
    expect(fake.requests).toHaveLength(1);
    expect(errors(client)[0].retryIn).toBeUndefined();
    expect(wsi.attempt).toBe(1);
  });

  it("go on until there is a session: each a Wsi of its own, with its number and its outcome", async () => {
    const { client, wsi } = await connect(inTurn(busy, busy, accept), quick, {}, { protocol: "test" });
    const { wsi: open } = await client.nth("CLIENT_ESTABLISHED");
    const told = client.all("CLIENT_CONNECTION_ERROR");
    expect(told.map((note) => note.wsi.attempt)).toEqual([1, 2]);
    expect(told[0].wsi).toBe(wsi);
    expect([open.attempt, new Set([...told.map((note) => note.wsi), open]).size]).toEqual([3, 3]);
    for (const { retryIn } of errors(client)) expect(retryIn).toBeGreaterThan(0);
    expect(client.names()).toEqual([
      ...["CLIENT_APPEND_HANDSHAKE_HEADER", "CLIENT_CONNECTION_ERROR"],
      ...["CLIENT_APPEND_HANDSHAKE_HEADER", "CLIENT_CONNECTION_ERROR"],
      ...["CLIENT_APPEND_HANDSHAKE_HEADER", "CLIENT_ESTABLISHED"],
    ]);
    expect(client.context.connections).toBe(1);
  });

  it.each([1001, 1006, 1011, 1012, 1013])("go on behind a session that ended with %d", async (code) => {
    const { client } = await connect(inTurn(closing(code), accept), quick);
    await client.nth("CLIENT_ESTABLISHED", 2);
    const closed = client.all("CLIENT_CLOSED").map(({ input }) => input as CloseInfo);
    expect(closed).toMatchObject([{ code }]);
    expect(closed[0].retryIn).toBeGreaterThan(0);
  });

  it.each([1000, 1008, 4000])("end behind a session that ended with %d", async (code) => {
    const { client, fake } = await connect(inTurn(closing(code), accept), quick);
    expect((await client.nth("CLIENT_CLOSED")).input).toEqual({ code, reason: "", wasClean: true });
    await settle(client);
    expect(fake.requests).toHaveLength(1);
  });

  it("reach a server that comes later", async () => {
    const path = `${temporaryFolder()}/late`;
    const client = await startClient(loop);
    client.context.clientConnect({ socketPath: path, retry: quick });
    expect((await client.nth("CLIENT_CONNECTION_ERROR")).input).toMatchObject({ code: "ENOENT" });
    const server = await startClient(loop, { path });
    await client.nth("CLIENT_ESTABLISHED");
    expect(server.context.connections).toBe(1);
  });

  it("are as many in a row as maxAttempts, and the last one says that it is the last", async () => {
    const { client, fake } = await connect(busy, { ...quick, maxAttempts: 4 });
    await client.nth("CLIENT_CONNECTION_ERROR", 4);
    await settle(client);
    expect(fake.requests).toHaveLength(4);
    expect(errors(client).map(({ retryIn }) => retryIn === undefined)).toEqual([false, false, false, true]);
  });

  it("are counted anew behind a session that has lasted, and on behind a short one", async () => {
    for (const [resetAfter, numbers] of [
      [0, [1, 2, 1, 2]],
      [60_000, [1, 2, 3, 4]],
    ] as const) {
      const answer = inTurn(busy, closing(1012), busy, accept);
      const { client } = await connect(answer, { ...quick, resetAfter });
      await client.nth("CLIENT_ESTABLISHED", 2);
      expect(client.all("CLIENT_APPEND_HANDSHAKE_HEADER").map(({ wsi }) => wsi.attempt)).toEqual(numbers);
    }
  });

  it("hold to Retry-After, and no longer than maxRetryAfter", async () => {
    const later: Answer = (peer) => peer.send("HTTP/1.1 503 No\r\nRetry-After: 100\r\n\r\n");
    const { client } = await connect(inTurn(later, accept), { ...quick, maxRetryAfter: 20 });
    await client.nth("CLIENT_ESTABLISHED");
    expect(errors(client)[0].retryIn).toBeGreaterThan(20);
    expect(errors(client)[0].retryIn).toBeLessThanOrEqual(21);
    const patient = await connect(later, quick);
    await patient.client.nth("CLIENT_CONNECTION_ERROR");
    expect(errors(patient.client)[0].retryIn).toBeGreaterThan(100_000);
  });

  describe("are decided about by retry.when", () => {
    it("which hears the outcome, the usual answer and the Wsi", async () => {
      const heard: unknown[] = [];
      const when: ClientRetry["when"] = (outcome, usual, wsi) => {
        heard.push([outcome.code, usual, wsi.attempt]);
        return !usual;
      };
      const { client, fake } = await connect(inTurn(closing(4000), busy), { ...quick, when });
      await client.nth("CLIENT_CONNECTION_ERROR");
      await settle(client);
      expect(heard).toEqual([
        [4000, false, 1],
        ["ERR_HANDSHAKE", true, 2],
      ]);
      expect(fake.requests).toHaveLength(2);
    });

    it("which means no when it throws", async () => {
      const when = () => {
        throw new Error("undecided");
      };
      const { client, fake } = await connect(busy, { ...quick, when });
      await client.nth("CLIENT_CONNECTION_ERROR");
      await settle(client);
      expect(fake.requests).toHaveLength(1);
      expect(client.log.join()).toContain("undecided");
    });
  });

  it("have the user that was given, or one of perSessionData each", async () => {
    const user = { mine: true };
    const given = await connect(inTurn(busy, busy, accept), quick, {}, { user });
    await given.client.nth("CLIENT_ESTABLISHED");
    for (const note of given.client.notes.filter(({ wsi }) => wsi.attempt > 0)) expect(note.user).toBe(user);
    let made = 0;
    const protocol = { perSessionData: () => ++made };
    const fresh = await connect(inTurn(busy, busy, accept), quick, {}, {}, { protocol });
    expect((await fresh.client.nth("CLIENT_ESTABLISHED")).user).toBe(3);
    expect(fresh.client.all("CLIENT_CONNECTION_ERROR").map((note) => note.user)).toEqual([1, 2]);
  });

  it("ask for headers each time, and begin where the first began, redirects or not", async () => {
    let tokens = 0;
    const on: Hooks = {
      CLIENT_APPEND_HANDSHAKE_HEADER: (_wsi, add: (name: string, value: string) => void) =>
        add("X-Token", String(++tokens)),
    };
    const moved: Answer = (peer) => peer.send("HTTP/1.1 302 Found\r\nLocation: /there\r\n\r\n");
    const answer = inTurn(moved, busy, accept);
    const { client, fake } = await connect(answer, quick, on, { maxRedirects: 1 });
    await client.nth("CLIENT_ESTABLISHED");
    const seen = fake.requests.map((text) => `${text.split(" ")[1]} ${/X-Token: (.*)\r/.exec(text)?.[1]}`);
    expect(seen).toEqual(["/ 1", "/there 1", "/ 2"]);
  });

  describe("are over", () => {
    const refusing = (reason: string, how: (wsi: Wsi) => unknown): Hooks => ({
      [reason]: (wsi: Wsi) => how(wsi) as number,
    });
    const ways: [string, (wsi: Wsi) => unknown][] = [
      ["close", (wsi) => wsi.close()],
      ["terminate", (wsi) => wsi.terminate()],
      ["a nonzero return", () => 1],
      ["a promise of one", async () => 1],
      [
        "a throw",
        () => {
          throw new Error("no");
        },
      ],
    ];

    it.each(ways)("by %s in CLIENT_CONNECTION_ERROR", async (_how, act) => {
      const { client, fake } = await connect(
        busy,
        { ...quick, minDelay: 4 },
        refusing("CLIENT_CONNECTION_ERROR", act),
      );
      await client.nth("CLIENT_CONNECTION_ERROR");
      await settle(client);
      expect(fake.requests).toHaveLength(1);
    });

    it.each(ways)("by %s in CLIENT_CLOSED", async (_how, act) => {
      const retry = { ...quick, minDelay: 4 };
      const { client, fake } = await connect(closing(1012), retry, refusing("CLIENT_CLOSED", act));
      await client.nth("CLIENT_CLOSED");
      await settle(client);
      expect(fake.requests).toHaveLength(1);
    });

    it.each(ways)("by %s in CLIENT_RECEIVE, and when is not asked", async (_how, act) => {
      const answer: Answer = async (peer, request) => {
        await peer.send(Buffer.concat([Buffer.from(switching(request)), textFrame("x", plain)]));
        await peer.bytes(6).catch(() => {});
        peer.destroy();
      };
      const retry = { ...quick, when: () => true };
      const { client, fake } = await connect(answer, retry, refusing("CLIENT_RECEIVE", act));
      expect((await client.nth("CLIENT_CLOSED")).input).not.toHaveProperty("retryIn");
      await settle(client);
      expect(fake.requests).toHaveLength(1);
    });

    it("by write with the mode CLOSE", async () => {
      const { client, fake, wsi } = await connect(accept, quick);
      await client.nth("CLIENT_ESTABLISHED");
      expect(() => wsi.write("x", WriteProtocol.CLOSE)).toThrow();
      expect(wsi.write(Buffer.from([3, 232]), WriteProtocol.CLOSE)).toBe(2);
      await fake.peers[0].bytes(8);
      fake.peers[0].abort();
      expect((await client.nth("CLIENT_CLOSED")).input).toEqual({ code: 1006, reason: "", wasClean: false });
    });

    it.each(ways.slice(2))("by %s in CLIENT_APPEND_HANDSHAKE_HEADER", async (_how, act) => {
      const on = refusing("CLIENT_APPEND_HANDSHAKE_HEADER", act);
      const { client, fake } = await connect(accept, { ...quick, when: () => true }, on);
      await client.nth("CLIENT_CONNECTION_ERROR");
      await settle(client);
      expect(fake.requests).toHaveLength(0);
      expect(client.all("CLIENT_CONNECTION_ERROR")).toHaveLength(1);
    });

    it("by the first Wsi, whichever attempt it is: what is open is closed", async () => {
      const { client, fake, wsi } = await connect(inTurn(busy, accept), quick);
      await client.nth("CLIENT_ESTABLISHED");
      expect(() => wsi.close(5)).toThrow(RangeError);
      wsi.close(4001, "enough");
      await fake.peers[1].bytes(8 + 6);
      await fake.peers[1].send(closeFrame(4001, "enough", plain));
      expect((await client.nth("CLIENT_CLOSED")).input).toMatchObject({ code: 4001, wasClean: true });
      fake.peers[1].end();
      await settle(client);
      expect(fake.requests).toHaveLength(2);
    });

    it("by close while it waits: nothing more is told, and no timer is left", async () => {
      const { client, fake, wsi } = await connect(busy, { minDelay: 60_000 });
      await client.nth("CLIENT_CONNECTION_ERROR");
      await rounds();
      wsi.close();
      wsi.terminate();
      await settle(client);
      expect([fake.requests.length, client.names().length]).toEqual([1, 2]);
    });

    it("by destroy, at once, while it waits", async () => {
      const { client } = await connect(busy, { minDelay: 60_000, maxDelay: 60_000 });
      await client.nth("CLIENT_CONNECTION_ERROR");
      await rounds();
      expect(client.context.connections).toBe(0);
      await client.context.destroy();
      expect(client.all("CLIENT_CONNECTION_ERROR")).toHaveLength(1);
    });

    it.each(["CLIENT_CONNECTION_ERROR", "when"])("by destroy from within %s", async (where) => {
      const destroyed = (wsi: Wsi) => void wsi.context.destroy();
      const when: ClientRetry["when"] = (_outcome, usual, wsi) => {
        if (where === "when") destroyed(wsi);
        return usual;
      };
      // What is served meanwhile keeps the context from its end for longer than the delay.
      const open = await FakeServer.start(accept);
      const on: Hooks = { CLIENT_CONNECTION_ERROR: where === "when" ? () => {} : destroyed };
      const signal = new AbortController().signal;
      const client = await startClient(loop, { on, timeouts: { drain: 50 } });
      client.context.clientConnect({ url: open.url });
      await client.nth("CLIENT_ESTABLISHED");
      const fake = await FakeServer.start(busy);
      client.context.clientConnect({ url: fake.url, retry: { minDelay: 1, maxDelay: 1, when }, signal });
      await client.nth("CLIENT_CONNECTION_ERROR");
      await client.context.destroy();
      expect([fake.requests.length, errors(client).length]).toEqual([1, 1]);
      expect(client.notes.at(-1)?.reason).toBe("PROTOCOL_DESTROY");
      expect(getEventListeners(signal, "abort")).toEqual([]);
    });

    it("by close from within when, which is told as the last one", async () => {
      const when: ClientRetry["when"] = (_outcome, _usual, wsi) => {
        wsi.close();
        return true;
      };
      const { client, fake } = await connect(busy, { ...quick, when });
      expect((await client.nth("CLIENT_CONNECTION_ERROR")).input).not.toHaveProperty("retryIn");
      await settle(client);
      expect(fake.requests).toHaveLength(1);
    });

    it("by a promise from when, which is no answer, and harms nobody when it is rejected", async () => {
      const when = (() => Promise.reject(new Error("on purpose"))) as unknown as () => boolean;
      const { client } = await connect(busy, { ...quick, when });
      expect((await client.nth("CLIENT_CONNECTION_ERROR")).input).not.toHaveProperty("retryIn");
      await settle(client);
      expect(client.log.filter((line) => line.includes("retry.when threw"))).toHaveLength(1);
    });

    it("by destroy, with a session that is open and one that connects", async () => {
      const { client, fake } = await connect(accept, { ...quick, when: () => true });
      await client.nth("CLIENT_ESTABLISHED");
      const silent = await FakeServer.start(() => {});
      client.context.clientConnect({ url: silent.url, retry: { ...quick, when: () => true } });
      const over = client.context.destroy();
      await fake.peers[0].bytes(8);
      fake.peers[0].destroy();
      await over;
      expect((await client.nth("CLIENT_CLOSED")).input).not.toHaveProperty("retryIn");
      expect(errors(client)).toMatchObject([{ code: "ECANCELED" }]);
      expect(errors(client)[0]).not.toHaveProperty("retryIn");
    });
  });

  describe("heed a signal", () => {
    it("that is aborted before the call: ECANCELED, and not from within it", async () => {
      const { client, wsi } = await connect(accept, quick, {}, { signal: AbortSignal.abort() });
      expect([wsi.state, client.names()]).toEqual(["CLOSED", []]);
      expect((await client.nth("CLIENT_CONNECTION_ERROR")).input).toMatchObject({ code: "ECANCELED" });
      await settle(client);
    });

    it.each([undefined, quick])("while it connects, with retry %j", async (retry) => {
      const abort = new AbortController();
      const { client } = await connect(() => abort.abort(), retry, {}, { signal: abort.signal });
      expect((await client.nth("CLIENT_CONNECTION_ERROR")).input).toMatchObject({ code: "ECANCELED" });
      await settle(client);
      expect(client.all("CLIENT_CONNECTION_ERROR")).toHaveLength(1);
    });

    it("while it waits", async () => {
      const abort = new AbortController();
      const { client } = await connect(busy, { minDelay: 4 }, {}, { signal: abort.signal });
      await client.nth("CLIENT_CONNECTION_ERROR");
      abort.abort();
      await settle(client);
      expect(client.all("CLIENT_CONNECTION_ERROR")).toHaveLength(1);
    });

    it("while a session is open, which is closed in order", async () => {
      const abort = new AbortController();
      const { client, fake } = await connect(accept, quick, {}, { signal: abort.signal });
      await client.nth("CLIENT_ESTABLISHED");
      abort.abort();
      expect([...(await fake.peers[0].bytes(2))]).toEqual([0x88, 0x80]);
      await fake.peers[0].send(closeFrame(undefined, "", plain));
      expect((await client.nth("CLIENT_CLOSED")).input).toEqual({ code: 1005, reason: "", wasClean: true });
    });

    it("and let it go when they are over", async () => {
      const signal = new AbortController().signal;
      let listeners = 0;
      const { addEventListener, removeEventListener } = signal;
      signal.addEventListener = (...args: [never, never]) => {
        listeners++;
        addEventListener.apply(signal, args);
      };
      signal.removeEventListener = (...args: [never, never]) => {
        listeners--;
        removeEventListener.apply(signal, args);
      };
      const { client } = await connect(busy, { ...quick, maxAttempts: 3 }, {}, { signal });
      await client.nth("CLIENT_CONNECTION_ERROR", 2);
      expect(listeners).toBe(1);
      await client.nth("CLIENT_CONNECTION_ERROR", 3);
      await settle(client);
      expect(listeners).toBe(0);
    });
  });

  it("come one after the other, however many fail: one connection at a time, and nothing left", async () => {
    let most = 0;
    const on: Hooks = {
      CLIENT_CONNECTION_ERROR: (wsi) => {
        most = Math.max(most, wsi.context.connections);
      },
    };
    const client = await startClient(loop, { on });
    const retry = { minDelay: 1, maxDelay: 1, maxAttempts: 300 };
    client.context.clientConnect({ socketPath: "/nowhere/at/all", retry });
    await client.nth("CLIENT_CONNECTION_ERROR", 300);
    await settle(client);
    expect(most).toBe(1);
  });
});
