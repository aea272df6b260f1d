import { describe, expect, test } from "vitest";
import { Client, type ClientHost } from "../../../bench/load/client.ts";
import { upgradeRequest } from "../../../bench/load/fleet.ts";
import type { Link } from "../../../lib/loop/loop.ts";

const REPLY = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";

/** A client on a link that goes nowhere, and what is heard of both. */
function clientOnNoLink(): { client: Client; told: string[] } {
  const told: string[] = [];
  const host: ClientHost = {
    request: Buffer.from("GET / HTTP/1.1\r\n\r\n"),
    onOpen: () => told.push("open"),
    onMessages: (_client, count) => told.push(`${count} messages`),
    onGone: (_client, open) => told.push(open ? "gone" : "refused"),
  };
  const link = {
    send: (bytes: Buffer, start: number, end: number) => told.push(`sent ${end - start} of ${bytes.length}`),
    destroy: () => told.push("destroyed"),
  };
  const client = new Client(host, link as unknown as Link);
  return { client, told };
}

function feed(client: Client, text: string, from = 0, to = text.length): void {
  client.onBytes(Buffer.from(text, "latin1"), from, to);
}

describe("upgradeRequest", () => {
  test("asks for a sub-protocol when there is one", () => {
    expect(upgradeRequest({ port: 1, subprotocol: "chat" }).toString()).toMatch(
      /^GET \/ HTTP\/1\.1\r\nHost: 127\.0\.0\.1:1\r\n[\s\S]*\r\nSec-WebSocket-Protocol: chat\r\n\r\n$/,
    );
    expect(upgradeRequest({ port: 1, subprotocol: "" }).toString()).not.toContain("Protocol");
  });
});

describe("Client", () => {
  test("sends its request at once", () => {
    const { told } = clientOnNoLink();
    expect(told).toEqual(["sent 18 of 18"]);
  });

  test("opens, and counts what comes right behind the reply, cut at every offset", () => {
    const bytes = `${REPLY}\x81\x01a\x81\x01b`;
    for (let cut = 1; cut <= REPLY.length; cut++) {
      const { client, told } = clientOnNoLink();
      feed(client, bytes, 0, cut);
      feed(client, bytes, cut);
      expect(told.slice(1)).toEqual(["open", "2 messages"]);
    }
  });

  test("tells of a message when its last byte is there", () => {
    const { client, told } = clientOnNoLink();
    feed(client, REPLY);
    feed(client, "\x81\x05ab");
    expect(told.slice(1)).toEqual(["open"]);
    feed(client, "cde");
    expect(told.slice(1)).toEqual(["open", "1 messages"]);
  });

  test("drops a connection that is refused", () => {
    const { client, told } = clientOnNoLink();
    feed(client, "HTTP/1.1 400 Bad Request\r\n\r\n");
    client.onClose();
    expect(told.slice(1)).toEqual(["destroyed", "refused"]);
  });

  test("tells the end of a session", () => {
    const { client, told } = clientOnNoLink();
    feed(client, REPLY);
    client.onEnd();
    client.onClose();
    expect(told.slice(1)).toEqual(["open", "destroyed", "gone"]);
  });
});
