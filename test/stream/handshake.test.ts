import { describe, expect, it } from "vitest";
import { HttpFault } from "../../lib/http/fault.ts";
import { Connection } from "../../lib/stream/connection.ts";
import { acceptUpgrade, askUpgrade, NO_AGREEMENT, Refusal } from "../../lib/stream/handshake.ts";
import { duplexPair } from "../support/duplex-pair.ts";
import { ACCEPT, upgradeRequest } from "../support/frames.ts";
import { codeOf } from "./support.ts";

function opened(server: boolean, initial = "") {
  const [stream, peer] = duplexPair();
  const connection = new Connection();
  connection.open(stream, server, Buffer.from(initial));
  return { connection, stream, peer };
}

describe("a server's handshake", () => {
  it("answers RFC 6455's example with its key, and nothing else", async () => {
    const { connection, stream } = opened(true, upgradeRequest());
    await acceptUpgrade(connection, {});
    expect(stream.written.join("")).toBe(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${ACCEPT}\r\nConnection: Upgrade\r\n\r\n`,
    );
  });

  it("knows what was asked for", async () => {
    const { connection } = opened(true, upgradeRequest({ target: "/a?b=c", headers: { Cookie: "d" } }));
    const agreement = await acceptUpgrade(connection, {});
    expect(agreement).toMatchObject({
      resource: "/a?b=c",
      host: "127.0.0.1",
      protocol: "",
      headers: { cookie: "d" },
    });
  });

  it("refuses with a page that says no more than the status", async () => {
    const { connection } = opened(true, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    const refusal = await acceptUpgrade(connection, {}).catch((thrown: unknown) => thrown);
    expect(refusal).toBeInstanceOf(Refusal);
    const { reply, error } = refusal as Refusal;
    expect(error).toMatchObject({ code: "EPROTO", status: 426 });
    expect(reply).toMatch(
      /^HTTP\/1.1 426 Upgrade Required\r\n[\s\S]*Connection: close\r\n[\s\S]*<h1>426 Upgrade Required<\/h1>/,
    );
    const [head, body] = reply.split("\r\n\r\n");
    expect(head).toContain(`Content-Length: ${body.length}`);
  });

  it("tells the caller another error than the client, when it is his", () => {
    const mine = new Error("mine");
    const refusal = new Refusal(new HttpFault(500, "a callback failed"), mine);
    expect(refusal.error).toBe(mine);
    expect(refusal.reply).not.toContain("mine");
  });

  it("does not look at the head before the header of the 101 is right", async () => {
    const { connection } = opened(true, "nonsense\r\n");
    expect(await codeOf(acceptUpgrade(connection, { headers: { Connection: "x" } }))).toBe("EINVAL");
  });
});

describe("a client's handshake", () => {
  it("asks as browsers do", async () => {
    const { connection, stream, peer } = opened(false);
    const asking = askUpgrade(connection, { resource: "/", host: "a:1", headers: { "X-A": 1 } });
    peer.end("HTTP/1.0 200 OK\r\n\r\n");
    expect(await codeOf(asking)).toBe("EPROTO");
    expect(stream.written.join("")).toMatch(
      /^GET \/ HTTP\/1.1\r\nHost: a:1\r\nUpgrade: websocket\r\n[\s\S]*\r\nX-A: 1\r\n\r\n$/,
    );
  });

  it("skips what a server says before the answer", async () => {
    const { connection, peer } = opened(false);
    peer.end("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 404 Not Found\r\n\r\n");
    await expect(askUpgrade(connection, { resource: "/", host: "a" })).rejects.toMatchObject({ status: 404 });
  });
});

it("knows nothing without a handshake", () => {
  expect(NO_AGREEMENT).toEqual({ resource: "", host: "", protocol: "", headers: Object.create(null) });
});
