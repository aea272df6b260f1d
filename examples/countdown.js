/*
 * A page on one port and a WebSocket on another: each visitor is counted down from nine. After libdill's webapp.c.
 *
 * node examples/countdown.js, then http://127.0.0.1:8080/
 */
import { createServer as createPage } from "node:http";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { now, WS_TEXT, wsAttachServer } from "sluice/stream";

const [pagePort = 8080, socketPort = 8081, pauseMs = 1000] = process.argv.slice(2).map(Number);

const PAGE = `<!doctype html>
<title>Countdown</title>
<h1>…</h1>
<script>
  const socket = new WebSocket("ws://" + location.hostname + ":${socketPort}/");
  socket.onmessage = ({ data }) => (document.querySelector("h1").textContent = data);
</script>
`;

createPage((_request, response) => response.setHeader("content-type", "text/html").end(PAGE)).listen(
  pagePort,
  "127.0.0.1",
);

createServer((stream) => {
  countDown(stream).catch((error) => console.error(`${error.code}: ${error.message}`));
}).listen(socketPort, "127.0.0.1");

async function countDown(stream) {
  const socket = await wsAttachServer(stream, { flags: WS_TEXT, deadline: now() + 5000 });
  for (let i = 9; i >= 0; i--) {
    await socket.msend(String(i), now() + 5000);
    await delay(pauseMs);
  }
  await socket.msend("Boom!", now() + 5000);
  (await socket.detach(1000, "OK", now() + 5000)).end();
}
