import { CallbackReason, createContext, type Protocol, redisBus, WriteProtocol } from "sluice";
import { listening } from "./control.ts";

/* sluice in several processes: `sluice-forked.js epoll|node PORT PROCESSES [REDIS_URL]`, over Redis where it is named. */

const echo: Protocol = {
  name: "echo",
  wholeMessages: true,
  callback(wsi, reason, _user, input, _len) {
    if (reason === CallbackReason.RECEIVE)
      wsi.write(input, wsi.frameIsBinary() ? WriteProtocol.BINARY : WriteProtocol.TEXT);
  },
};

const broadcast: Protocol = {
  name: "broadcast",
  wholeMessages: true,
  callback(wsi, reason, _user, input, _len) {
    if (reason === CallbackReason.RECEIVE) wsi.context.broadcast(broadcast, input);
    else if (reason === CallbackReason.BROADCAST) wsi.write(input, WriteProtocol.TEXT);
  },
};

const [loop, port, processes, url] = process.argv.slice(2);
const context = await createContext({
  port: Number(port),
  host: "0.0.0.0",
  eventLoop: loop as "epoll" | "node",
  protocols: [echo, broadcast],
  ...(url !== undefined && { bus: redisBus({ url }) }),
});
const fork = await context.forkServiceLoop({ processes: Number(processes) });
if (!fork.isChild) listening(Number(port));
