import { createContext, permessageDeflate } from "sluice";
import { listening } from "./control.ts";
import { broadcast, echo } from "./protocols.ts";

/* sluice: `sluice.js epoll|node PORT [off|takeover|fresh]`, the last for permessage-deflate. */

const [loop, port, deflate = "off"] = process.argv.slice(2);
const fresh = deflate === "fresh";
const context = await createContext({
  port: Number(port),
  host: "0.0.0.0",
  eventLoop: loop as "epoll" | "node",
  protocols: [echo, broadcast],
  extensions:
    deflate === "off"
      ? []
      : [permessageDeflate({ serverNoContextTakeover: fresh, clientNoContextTakeover: fresh })],
});
listening(context.port);
await context.run();
