import { afterEach, expect, it } from "vitest";
import { FakeServer, outcome, startClient, stopFakes, switching } from "../support/client.ts";
import { describeLoops, type Hooks } from "../support/server.ts";

describeLoops("the Wsi of a client", (loop) => {
  afterEach(stopFakes);

  it("can be asked and used before it has a link, and after it has none", async () => {
    const fake = await FakeServer.start((peer) => peer.send("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"));
    const client = await startClient(loop);
    const wsi = client.context.clientConnect({ url: `${fake.url}a?b`, protocol: "test" });
    const ask = () => {
      expect([wsi.method, wsi.uri, wsi.query, wsi.headers]).toEqual(["", "/a", "b", {}]);
      expect([wsi.remoteAddress, wsi.remotePort, wsi.secure, wsi.getSocketFd()]).toEqual(["", 0, false, -1]);
      expect([wsi.bufferedAmount, wsi.sendPipeChoked(), wsi.protocolsAsked]).toEqual([0, false, ["test"]]);
      expect([wsi.isFirstFragment(), wsi.remainingPacketPayload()]).toEqual([false, 0]);
      expect([wsi.write("x", 0), wsi.ping()]).toEqual([-1, -1]);
      expect(() => wsi.httpReply(200)).toThrow(/not HTTP/);
      wsi.callbackOnWritable();
      wsi.rxFlowControl(false);
      wsi.rxFlowControl(true);
      wsi.closeReason(1000);
    };
    ask();
    expect((await outcome(client))?.status).toBe(404);
    ask();
    wsi.close();
    wsi.terminate();
    expect(wsi.state).toBe("CLOSED");
  });

  it("comes again though a callback of a session that broke fails behind its end", async () => {
    let fail = (_error: Error) => {};
    const fake = await FakeServer.start(async (peer, request) => {
      await peer.send(switching(request));
      if (fake.requests.length === 1) peer.abort();
    });
    const client = await startClient(loop, {
      on: {
        CLIENT_ESTABLISHED: (wsi) =>
          wsi.attempt > 1 ? 0 : new Promise<number>((_, reject) => void (fail = reject)),
        CLIENT_CLOSED: (wsi) => wsi.attempt === 1 && fail(new Error("it was cut")),
      } as Hooks,
    });
    client.context.clientConnect({ url: fake.url, retry: { minDelay: 20 } });
    expect((await client.nth("CLIENT_CLOSED")).input).toHaveProperty("retryIn");
    await client.nth("CLIENT_ESTABLISHED", 2);
  });

  it("has the headers of the server's reply for its whole life, and a descriptor where the loop knows one", async () => {
    const fake = await FakeServer.start((peer, request) => peer.send(switching(request, "X-Server: it\r\n")));
    const client = await startClient(loop);
    const wsi = client.context.clientConnect({ url: fake.url });
    await client.nth("CLIENT_ESTABLISHED");
    expect(wsi.headers["x-server"]).toBe("it");
    expect(wsi.getSocketFd()).toBeGreaterThan(2);
    wsi.terminate();
    await client.nth("CLIENT_CLOSED");
    expect(wsi.headers["x-server"]).toBe("it");
  });
});
