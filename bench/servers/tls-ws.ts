import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { WebSocketServer } from "ws";
import { listening } from "./control.ts";
import { tlsOptions } from "./tls.ts";

/* The npm package ws over node:https, echo only: `tls-ws.js PORT FOLDER`, with cert.pem and key.pem in the folder. */

const port = Number(process.argv[2]);
const { cert, key, ...rest } = tlsOptions(process.argv[3]);
const server = createServer({ cert: readFileSync(cert), key: readFileSync(key), ...rest });
const sockets = new WebSocketServer({ server, perMessageDeflate: false });

sockets.on("connection", (session) => {
  session.on("error", () => {});
  session.on("message", (data, isBinary) => session.send(data, { binary: isBinary }));
});
server.listen(port, "0.0.0.0", () => listening(port));
