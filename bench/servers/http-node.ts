import { createServer } from "node:http";
import send from "send";
import { listening } from "./control.ts";
import { REPLY } from "./reply.ts";

/* Node's own HTTP server with the npm package send for files: `http-node.js PORT FOLDER`. */

const port = Number(process.argv[2]);
const root = process.argv[3];

const server = createServer((request, response) => {
  if (request.url === "/reply") {
    response.writeHead(200, { "Content-Type": "text/plain; charset=utf-8", "Content-Length": REPLY.length });
    response.end(REPLY);
  } else send(request, request.url ?? "/", { root }).pipe(response);
});
server.listen(port, "0.0.0.0", () => listening(port));
