import { createContext, redisBus } from "sluice";
import { listening } from "./control.ts";
import { broadcast, echo } from "./protocols.ts";

/* sluice in several processes: `sluice-forked.js epoll|node PORT PROCESSES [REDIS_URL]`, over Redis where it is named. */

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
