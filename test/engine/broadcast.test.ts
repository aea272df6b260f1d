import { constants, inflateRawSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import {
  type BroadcastOptions,
  type Codec,
  createContext,
  type Protocol,
  permessageDeflate,
  WriteProtocol,
  type Wsi,
} from "../../lib/index.ts";
import { textFrame } from "../support/frames.ts";
import { rounds } from "../support/raw.ts";
import { describeLoops, Recorder, type ServerOptions, startServer } from "../support/server.ts";

describeLoops("what goes to all sessions of a protocol", (loop) => {
  const start = (options: ServerOptions = {}) => startServer({ eventLoop: loop, ...options });

  it("broadcast calls each session of the protocol with a copy of the data, boundaries kept", async () => {
    const [a, b] = ["a", "b"].map((name) => new Recorder({}, { name }));
    const server = await start({ protocols: [a.protocol, b.protocol] });
    await Promise.all([server.open(), server.open()]);
    const peer = await server.open({ headers: { "Sec-WebSocket-Protocol": "b" } });
    await Promise.all([a.nth("ESTABLISHED", 2), b.nth("ESTABLISHED")]);
    const bytes = Buffer.from("bytes");
    server.context.broadcast(a.protocol, "één");
    server.context.broadcast("a", bytes);
    server.context.broadcast("a", "");
    bytes.fill(0);
    await a.nth("BROADCAST", 6);
    for (const wsi of new Set(a.all("ESTABLISHED").map((note) => note.wsi))) {
      const got = a.all("BROADCAST").filter((note) => note.wsi === wsi);
      expect(got.map((note) => [String(note.input), note.len])).toEqual([
        ["één", 5],
        ["bytes", 5],
        ["", 0],
      ]);
    }
    await rounds(10);
    expect(b.all("BROADCAST")).toEqual([]);
    expect(peer.available).toBe(0);
  });

  it("broadcast from within RECEIVE reaches the caller too", async () => {
    const server = await start({
      on: {
        RECEIVE: (wsi, input) => wsi.context.broadcast("test", input),
        BROADCAST: (wsi, input) => void wsi.write(input, WriteProtocol.TEXT),
      },
    });
    const peers = [await server.open(), await server.open(), await server.open()];
    await server.nth("ESTABLISHED", 3);
    for (const [i, peer] of peers.entries()) peer.send(textFrame(`from ${i}`));
    for (const peer of peers) {
      const texts = (await peer.frames(3)).map((frame) => String(frame.payload));
      expect(texts.sort()).toEqual(["from 0", "from 1", "from 2"]);
    }
  });

  it("callbackOnWritableAllProtocol asks for each session of the protocol", async () => {
    const [a, b] = ["a", "b"].map((name) => new Recorder({}, { name }));
    const server = await start({ protocols: [a.protocol, b.protocol] });
    await Promise.all([server.open(), server.open()]);
    await server.open({ headers: { "Sec-WebSocket-Protocol": "b" } });
    await Promise.all([a.nth("ESTABLISHED", 2), b.nth("ESTABLISHED")]);
    server.context.callbackOnWritableAllProtocol(a.protocol);
    expect(a.all("SERVER_WRITEABLE")).toEqual([]);
    await a.nth("SERVER_WRITEABLE", 2);
    server.context.callbackOnWritableAllProtocol("b");
    await b.nth("SERVER_WRITEABLE");
    await rounds(10);
    expect(a.all("SERVER_WRITEABLE")).toHaveLength(2);
  });

  describe("broadcast with a filter", () => {
    it("tells no session that the filter itself has ended", async () => {
      const server = await start();
      await server.pair();
      await server.pair();
      const filter = (wsi: Wsi) => {
        if (server.all("BROADCAST").length === 0) wsi.terminate();
        return true;
      };
      server.context.broadcast("test", "x", { filter });
      await server.nth("CLOSED", 2);
      expect(server.all("BROADCAST")).toEqual([]);
    });

    it("tells the sessions that it returns true for, with their data, in the turn that tells them", async () => {
      const server = await start({ protocol: { perSessionData: () => ({ room: "" }) } });
      const rooms = server.protocol as Protocol<{ room: string }>;
      const pairs = [await server.pair(), await server.pair(), await server.pair()];
      const asked: unknown[] = [];
      server.context.broadcast(rooms, "to a", {
        filter(wsi, { room }) {
          asked.push(wsi);
          return wsi.user.room === "a" && room === "a";
        },
      });
      expect(asked).toEqual([]);
      for (const [i, room] of ["a", "b", "a"].entries()) Object.assign(pairs[i].wsi.user as object, { room });
      await server.nth("BROADCAST", 2);
      expect(asked).toEqual(pairs.map(({ wsi }) => wsi));
      expect(server.all("BROADCAST").map(({ wsi }) => wsi)).toEqual([pairs[0].wsi, pairs[2].wsi]);
    });

    it("leaves out whom it throws for or answers anything but true, and logs the throws in one line", async () => {
      const server = await start();
      const pairs: Awaited<ReturnType<typeof server.pair>>[] = [];
      for (let i = 0; i < 5; i++) pairs.push(await server.pair());
      const answers: (() => unknown)[] = [
        () => {
          throw new Error("on purpose");
        },
        () => true,
        () => Promise.reject(new Error("nobody waits for this")),
        () => 1,
        async () => true,
      ];
      const filter = (wsi: Wsi) => answers[pairs.findIndex((pair) => pair.wsi === wsi)]() as boolean;
      server.context.broadcast("test", "x", { filter });
      await server.nth("BROADCAST");
      await rounds(10);
      expect(server.all("BROADCAST").map(({ wsi }) => wsi)).toEqual([pairs[1].wsi]);
      const lines = server.log.filter((line) => line.startsWith("error")).map((line) => line.split("\n")[0]);
      expect(lines).toEqual([
        'error the filter of a broadcast to protocol "test" threw for 3 sessions, first: Error: on purpose',
      ]);
    });

    it("takes options of the right types only", async () => {
      const { context } = await start();
      const send = (options: unknown) => () => context.broadcast("test", "x", options as BroadcastOptions);
      expect(send({ filter: true })).toThrow(new TypeError("filter: has to be a function, not true"));
      expect(send({ local: 1 })).toThrow(new TypeError("local: has to be true or false, not 1"));
      expect(send("all")).toThrow(new TypeError("broadcast takes an object of options"));
      expect(send({ except: 1 })).toThrow(new TypeError("broadcast: there is no option except"));
      expect(send({})).not.toThrow();
      expect(() => context.broadcast("test", 5 as never)).toThrow(
        "broadcast takes a string or bytes, not number",
      );
    });
  });

  describe("what sessions write of a broadcast arrives right", () => {
    const { BINARY, CONTINUATION, NO_FIN, TEXT } = WriteProtocol;

    it.each([0, 1, 125, 126, 4092, 4093, 65_535, 65_536, 300_000])("with %i bytes", async (size) => {
      const server = await start({ on: { BROADCAST: (wsi, input) => void wsi.write(input, BINARY) } });
      const peers = await Promise.all([server.open(), server.open(), server.open()]);
      await server.nth("ESTABLISHED", 3);
      const data = Buffer.from(Array.from({ length: size }, (_, i) => (i * 7) & 255));
      for (let i = 0; i < 2; i++) server.context.broadcast("test", data);
      for (const peer of peers) {
        for (const { opcode, payload } of await peer.frames(2)) {
          expect(opcode).toBe(2);
          expect(payload.equals(data)).toBe(true);
        }
      }
    });

    it("whatever they do with it: modes, fragments, parts, other writes between", async () => {
      const acts: ((wsi: Wsi, input: Buffer) => void)[] = [
        (wsi, input) => void wsi.write(input, TEXT),
        (wsi, input) => {
          wsi.write("before", TEXT);
          wsi.write(input, BINARY);
          wsi.write(input, TEXT);
        },
        (wsi, input) => {
          wsi.write(input, TEXT | NO_FIN);
          wsi.ping("x");
          wsi.write(input, CONTINUATION);
        },
        (wsi, input) => void wsi.write(input.subarray(1, 3), BINARY),
        (wsi, input) => void wsi.write(Buffer.concat([input, input]), TEXT),
      ];
      let next = 0;
      const wsis: Wsi[] = [];
      const BROADCAST = (wsi: Wsi, input: Buffer) => acts[wsis.indexOf(wsi)](wsi, input);
      const server = await start({ on: { ESTABLISHED: (wsi) => void (wsis[next++] = wsi), BROADCAST } });
      const peers = [];
      for (const _ of acts) peers.push((await server.pair()).peer);
      server.context.broadcast("test", "data");
      const wanted = [
        ["1 true data"],
        ["1 true before", "2 true data", "1 true data"],
        ["1 false data", "9 true x", "0 true data"],
        ["2 true at"],
        ["1 true datadata"],
      ];
      for (const [i, peer] of peers.entries()) {
        const got = (await peer.frames(wanted[i].length)).map(
          (each) => `${each.opcode} ${each.fin} ${each.payload}`,
        );
        expect(got).toEqual(wanted[i]);
      }
    });

    it("compressed once for sessions without context takeover, each by itself for the others", async () => {
      let deflated = 0;
      const extension = permessageDeflate({ threshold: 0 });
      const counting = (codec: Codec): Codec => ({
        inflate: codec.inflate.bind(codec),
        deflate(...args) {
          deflated++;
          return codec.deflate(...args);
        },
      });
      const accept: typeof extension.accept = (offers) => {
        const agreement = extension.accept(offers);
        return agreement && { ...agreement, open: ({ codec }) => agreement.open({ codec: counting(codec) }) };
      };
      const counted = {
        name: extension.name,
        rsv: extension.rsv,
        accept,
        offer: () => extension.offer(),
        agree: () => null,
      };
      const server = await start({
        extensions: [counted],
        on: { BROADCAST: (wsi, input) => void wsi.write(input, TEXT) },
      });
      const offer = (value: string) => server.open({ headers: { "Sec-WebSocket-Extensions": value } });
      const fresh = "permessage-deflate; server_no_context_takeover";
      const offers = [fresh, fresh, fresh, `${fresh}; server_max_window_bits=9`, "permessage-deflate"];
      const peers = await Promise.all([...offers.map(offer), server.open()]);
      await server.nth("ESTABLISHED", peers.length);
      const text = "what all of them are told, and told again ".repeat(500);
      server.context.broadcast("test", text);
      for (const [i, peer] of peers.entries()) {
        const { rsv, payload } = await peer.frame();
        expect(rsv).toBe(i < offers.length ? 4 : 0);
        const plain = rsv === 0 ? payload : inflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH });
        expect(plain.toString()).toBe(text);
      }
      expect(deflated).toBe(3);
    });

    it("masked, from sessions of which we are the client", async () => {
      const server = await start();
      await server.pair();
      const client = new Recorder(
        { BROADCAST: (wsi, input) => void wsi.write(input, TEXT) },
        { name: "client" },
      );
      const context = await createContext({ eventLoop: loop, protocols: [client.protocol] });
      void context.run();
      const target = { address: "127.0.0.1", port: server.port, path: "/", localProtocol: "client" };
      for (let i = 0; i < 2; i++) context.clientConnect(target);
      await client.nth("CLIENT_ESTABLISHED", 2);
      context.broadcast("client", "from clients");
      await server.nth("RECEIVE", 2);
      expect(server.received()).toEqual(["from clients", "from clients"]);
      await context.destroy();
    });
  });
});
