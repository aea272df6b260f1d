/*
 * Three protocols on one TCP connection, one after the other:
 *
 *   client                                   server (node:http)
 *     GET /motd ───────────────────────────►   an answer like any other
 *     GET /chat, Upgrade: websocket ───────►   101, written by hand
 *     ◄─────────── WebSocket ──────────────►   wsAttachServer with WS_NOHTTP
 *     ◄───────────── Close ────────────────►   detach
 *     plain lines of text ─────────────────►   plain lines of text
 *
 * node examples/mixed-protocols.js
 */
import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import {
  now,
  WS_NOHTTP,
  WS_TEXT,
  wsAttachClient,
  wsAttachServer,
  wsRequestKey,
  wsResponseKey,
} from "sluice/stream";

// ── The server ───────────────────────────────────────────────────────────────────────────────────────────────

const server = createServer((_request, response) => response.end("Mind the step."));

server.on("upgrade", (request, stream, head) => {
  serveChat(request, stream, head).catch((error) => console.error(`server: ${error}`));
});

async function serveChat(request, stream, head) {
  const key = wsResponseKey(request.headers["sec-websocket-key"]);
  stream.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${key}\r\n\r\n`,
  );
  // `head` is what the client sent behind its request, and was read along with it.
  const socket = await wsAttachServer(stream, { flags: WS_TEXT | WS_NOHTTP, initial: head });
  for await (const { data } of socket) await socket.msend(`${data}, too`);
  // The client has closed. The rest of the connection is lines.
  const lines = await socket.detach(1000, "lines from here on", now() + 1000);
  for await (const line of createInterface({ input: lines })) lines.write(`${line.toUpperCase()}\n`);
  lines.end();
}

// ── The client ───────────────────────────────────────────────────────────────────────────────────────────────

async function visit(port) {
  const stream = connect(port, "127.0.0.1");
  stream.write("GET /motd HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const page = await until(stream, "step.");
  console.log(`HTTP: ${page.slice(page.indexOf("\r\n\r\n") + 4)}`);

  const key = wsRequestKey();
  stream.write(
    "GET /chat HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
  );
  const answer = await until(stream, "\r\n\r\n");
  if (!answer.includes(wsResponseKey(key))) throw new Error("the server does not know WebSocket");

  const socket = await wsAttachClient(stream, { flags: WS_TEXT | WS_NOHTTP });
  await socket.msend("I am well");
  console.log(`WebSocket: ${await socket.mrecv({ deadline: now() + 1000 })}`);
  const lines = await socket.detach(1000, "enough", now() + 1000);

  lines.write("good night\n");
  console.log(`lines: ${(await until(lines, "\n")).trimEnd()}`);
  lines.end();
}

/** Reads up to and including `end`, and leaves the stream to whoever comes next. */
async function until(stream, end) {
  let text = "";
  while (!text.includes(end)) {
    const chunk = stream.read();
    if (chunk === null) await once(stream, "readable");
    else text += chunk;
  }
  const behind = text.indexOf(end) + end.length;
  if (behind < text.length) stream.unshift(Buffer.from(text.slice(behind)));
  return text.slice(0, behind);
}

server.listen(0, "127.0.0.1");
await once(server, "listening");
await visit(server.address().port);
server.close();
