import { WebSocket, WebSocketServer } from "ws";
import { listening } from "./control.ts";

/* The npm package ws: `ws.js PORT [off|takeover|fresh]`, the last for permessage-deflate. */

const port = Number(process.argv[2]);
const deflate = process.argv[3] ?? "off";
const fresh = deflate === "fresh";
const server = new WebSocketServer({
  port,
  host: "0.0.0.0",
  perMessageDeflate:
    deflate === "off" ? false : { serverNoContextTakeover: fresh, clientNoContextTakeover: fresh },
});
const audience = new Set<WebSocket>();

function tellAll(data: WebSocket.RawData): void {
  for (const peer of audience) if (peer.readyState === WebSocket.OPEN) peer.send(data, { binary: false });
}

server.on("connection", (session) => {
  session.on("error", () => {});
  if (session.protocol === "broadcast") {
    audience.add(session);
    session.on("close", () => audience.delete(session));
    session.on("message", tellAll);
  } else {
    session.on("message", (data, isBinary) => session.send(data, { binary: isBinary }));
  }
});
server.on("listening", () => listening(port));
