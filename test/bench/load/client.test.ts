import { describe, expect, test } from "vitest";
import { Client, type ClientHost } from "../../../bench/load/client.ts";
import { plainRequest, upgradeRequest } from "../../../bench/load/fleet.ts";
import { FrameCounter } from "../../../bench/load/frame-counter.ts";
import { HttpCounter } from "../../../bench/load/http-counter.ts";
import type { Link } from "../../../lib/loop/loop.ts";

const REPLY = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";

/** A client on a link that goes nowhere, and what is heard of both. */
function clientOnNoLink(upgrades = true): { client: Client; told: string[] } {
  const told: string[] = [];
  const host: ClientHost = {
    upgrade: upgrades ? Buffer.from("GET / HTTP/1.1\r\n\r\n") : null,
    createCounter: () => (upgrades ? new FrameCounter() : new HttpCounter()),
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

  test("without an upgrade is open at once, and sends nothing by itself", () => {
    const { client, told } = clientOnNoLink(false);
    feed(client, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab");
    expect(told).toEqual(["open", "1 messages"]);
  });

  test("drops a connection whose answer cannot be counted", () => {
    const { client, told } = clientOnNoLink(false);
    feed(client, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    client.onClose();
    expect(told).toEqual(["open", "destroyed", "gone"]);
  });
});

test("plainRequest asks for the path", () => {
  expect(plainRequest(80, "/x").toString()).toBe("GET /x HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n");
});
