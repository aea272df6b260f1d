import { createServer, type Socket } from "node:net";
import { WS_TEXT, wsAttachServer } from "sluice/stream";
import { listening } from "./control.ts";

/* sluice/stream: `stream-sluice.js PORT`. Each message is awaited, and answered by itself. */

async function serve(stream: Socket): Promise<void> {
  const socket = await wsAttachServer(stream, { flags: WS_TEXT });
  for (;;) {
    const { flags, data } = await socket.recv();
    await socket.send(flags, data);
  }
}

const port = Number(process.argv[2]);
const server = createServer({ noDelay: true }, (stream) => {
  // How it ends is the load's matter.
  serve(stream).catch(() => stream.destroy());
});
server.listen(port, "0.0.0.0", () => listening(port));
