import { CallbackReason, createContext, type Protocol } from "sluice";
import { listening } from "./control.ts";
import { REPLY } from "./reply.ts";

/* sluice over HTTP: `http-sluice.js epoll|node PORT FOLDER`. */

const reply: Protocol = {
  name: "reply",
  callback(wsi, reason) {
    if (reason === CallbackReason.HTTP) wsi.httpReply(200, {}, REPLY);
  },
};

const [loop, port, folder] = process.argv.slice(2);
const context = await createContext({
  port: Number(port),
  host: "0.0.0.0",
  eventLoop: loop as "epoll" | "node",
  protocols: [reply],
  mounts: [{ mountpoint: "/files", origin: `${folder}/files` }],
});
listening(context.port);
await context.run();
