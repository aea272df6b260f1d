import { CallbackReason, createContext, type Protocol, permessageDeflate, WriteProtocol } from "sluice";
import { listening } from "./control.ts";
import { echo } from "./echo.ts";

/* sluice: `sluice.js epoll|node PORT [off|takeover|fresh]`, the last for permessage-deflate. */

const broadcast: Protocol = {
  name: "broadcast",
  wholeMessages: true,
  callback(wsi, reason, _user, input, _len) {
    if (reason === CallbackReason.RECEIVE) wsi.context.broadcast(broadcast, input);
    else if (reason === CallbackReason.BROADCAST) wsi.write(input, WriteProtocol.TEXT);
  },
};

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
