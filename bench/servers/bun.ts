import { listening } from "./control.ts";

/* Bun's own server: `bun bun.js PORT`. */

interface Session {
  readonly data: string;
  subscribe(topic: string): void;
  send(message: string | Uint8Array, compress: boolean): void;
}

interface Server {
  upgrade(request: BunRequest, options: { data: string; headers?: Record<string, string> }): boolean;
  publish(topic: string, message: string | Uint8Array, compress: boolean): void;
}

interface BunRequest {
  readonly headers: { get(name: string): string | null };
}

declare const Bun: {
  serve(options: {
    port: number;
    hostname: string;
    fetch(request: BunRequest, server: Server): undefined;
    websocket: {
      perMessageDeflate: false;
      open(session: Session): void;
      message(session: Session, message: string | Uint8Array): void;
    };
  }): Server;
};

const TOPIC = "broadcast";
const port = Number(process.argv[2]);

const server = Bun.serve({
  port,
  hostname: "0.0.0.0",
  fetch(request, server) {
    const asked = request.headers.get("sec-websocket-protocol");
    const reply = asked === null ? {} : { headers: { "Sec-WebSocket-Protocol": asked } };
    server.upgrade(request, { data: asked ?? "", ...reply });
    return undefined;
  },
  websocket: {
    perMessageDeflate: false,
    open(session) {
      if (session.data === TOPIC) session.subscribe(TOPIC);
    },
    message(session, message) {
      if (session.data === TOPIC) server.publish(TOPIC, message, false);
      else session.send(message, false);
    },
  },
});
listening(port);
