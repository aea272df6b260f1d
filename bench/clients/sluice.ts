import { CallbackReason, createContext, NO_LISTEN, type Protocol, WriteProtocol, type Wsi } from "sluice";
import { readTask, Sessions } from "./measured.ts";

/* The clients of sluice: `sluice.js epoll|node PORT CONNECTIONS BYTES DEPTH SECONDS`. */

const [loop, ...numbers] = process.argv.slice(2);
const task = readTask(numbers);
const message = "a".repeat(task.bytes);
const sessions = new Sessions<Wsi>(task, (wsi) => {
  for (let i = 0; i < task.depth; i++) wsi.write(message, WriteProtocol.TEXT);
});

const protocol: Protocol = {
  name: "client",
  wholeMessages: true,
  callback(wsi, reason, _user, input, _len) {
    switch (reason) {
      case CallbackReason.CLIENT_RECEIVE:
        sessions.count += 1;
        wsi.write(message, WriteProtocol.TEXT);
        break;

      case CallbackReason.CLIENT_ESTABLISHED:
        sessions.add(wsi);
        break;

      case CallbackReason.CLIENT_CONNECTION_ERROR:
        sessions.fail(input);
        break;

      case CallbackReason.CLIENT_CLOSED:
        sessions.fail(`closed with ${input.code}`);
        break;
    }
  },
};

const context = await createContext({
  port: NO_LISTEN,
  eventLoop: loop as "epoll" | "node",
  protocols: [protocol],
});
for (let i = 0; i < task.connections; i++) context.clientConnect({ address: "127.0.0.1", port: task.port });
await context.run();
