import cluster from "node:cluster";
import { createClient } from "redis";
import { WebSocket, WebSocketServer } from "ws";
import { listening } from "./control.ts";

/*
 * The npm package ws in several processes: `ws-cluster.js PORT PROCESSES REDIS_URL`. The usual recipe: node:cluster, and what
 * is broadcast goes through Redis to every process, its own too.
 */

const [port, processes, url] = process.argv.slice(2);
const CHANNEL = "broadcast";

async function serve(): Promise<void> {
  const publisher = await createClient({ url }).connect();
  const subscriber = await createClient({ url }).connect();
  const server = new WebSocketServer({ port: Number(port), host: "0.0.0.0", perMessageDeflate: false });
  const audience = new Set<WebSocket>();
  await subscriber.subscribe(CHANNEL, (data) => {
    for (const peer of audience) if (peer.readyState === WebSocket.OPEN) peer.send(data);
  });
  server.on("connection", (session) => {
    session.on("error", () => {});
    if (session.protocol === "broadcast") {
      audience.add(session);
      session.on("close", () => audience.delete(session));
      session.on("message", (data) => void publisher.publish(CHANNEL, String(data)));
    } else {
      session.on("message", (data, isBinary) => session.send(data, { binary: isBinary }));
    }
  });
}

if (cluster.isPrimary) {
  let waiting = Number(processes);
  cluster.on("listening", () => {
    if (--waiting === 0) listening(Number(port));
  });
  for (let i = 0; i < Number(processes); i++) cluster.fork();
} else {
  await serve();
}
