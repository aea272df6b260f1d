import { WebSocket } from "ws";
import { readTask, Sessions } from "./measured.ts";

/* The clients of the npm package ws: `ws.js PORT CONNECTIONS BYTES DEPTH SECONDS`. */

const task = readTask(process.argv.slice(2));
const message = "a".repeat(task.bytes);
const sessions = new Sessions<WebSocket>(task, (socket) => {
  for (let i = 0; i < task.depth; i++) socket.send(message);
});

for (let i = 0; i < task.connections; i++) {
  const socket = new WebSocket(`ws://127.0.0.1:${task.port}/`, { perMessageDeflate: false });
  socket.on("open", () => sessions.add(socket));
  socket.on("message", () => {
    sessions.count += 1;
    socket.send(message);
  });
  socket.on("error", (error) => sessions.fail(error));
  socket.on("close", (code) => sessions.fail(`closed with ${code}`));
}
