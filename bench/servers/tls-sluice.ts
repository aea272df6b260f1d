import { createContext } from "sluice";
import { listening } from "./control.ts";
import { echo } from "./protocols.ts";
import { tlsOptions } from "./tls.ts";

/* sluice with TLS, echo only: `tls-sluice.js epoll|node PORT FOLDER`, with cert.pem and key.pem in the folder. */

const [loop, port, folder] = process.argv.slice(2);
const context = await createContext({
  port: Number(port),
  host: "0.0.0.0",
  eventLoop: loop as "epoll" | "node",
  protocols: [echo],
  ssl: tlsOptions(folder),
});
listening(context.port);
await context.run();
