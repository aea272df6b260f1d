import { on } from "node:events";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import { listening } from "./control.ts";

/* The npm package ws, pulled: `stream-ws.js PORT`. Each message is awaited, and answered by itself. */

const send = (socket: WebSocket, data: RawData, binary: boolean) =>
  new Promise<void>((resolve, reject) => {
    socket.send(data, { binary }, (error) => (error ? reject(error) : resolve()));
  });

async function serve(socket: WebSocket): Promise<void> {
  for await (const [data, binary] of on(socket, "message", { close: ["close"] })) {
    await send(socket, data as RawData, binary as boolean);
  }
}

const port = Number(process.argv[2]);
const server = new WebSocketServer({ port, host: "0.0.0.0", perMessageDeflate: false });
server.on("connection", (socket) => {
  // How it ends is the load's matter.
  serve(socket).catch(() => socket.terminate());
});
server.on("listening", () => listening(port));
