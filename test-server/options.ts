import { existsSync, statSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Bus } from "sluice";
import { busOf } from "./bus.ts";
import { integerOption, UsageError, withUsageErrors } from "./program.ts";

/** What the test server was asked to do. */
export interface ServerOptions {
  /** 0 for a free one. */
  port: number;
  host: string;
  ssl: { cert: string; key: string } | undefined;
  root: string;
  /** The root is the test page, not a folder of the user's. */
  testPage: boolean;
  listing: boolean;
  accessLog: boolean;
  eventLoop: "auto" | "epoll" | "node";
  plugins: readonly string[];
  closeTest: boolean;
  /** How many processes serve; 0 for this one alone. */
  processes: number;
  /** Joins the sessions of several servers. */
  bus: Bus | undefined;
}

export const HELP = `Usage: sluice-test-server [options]

Serves the test page, and what it talks to: the protocols, POST /upload (forms of
up to 1 GiB; files are hashed, and not kept) and GET /events (server-sent events).

  -p, --port N           port to listen on, 0 for a free one (7681)
  -i, --interface NAME   address or network interface to listen on (127.0.0.1)
  -s, --ssl              speak TLS; needs --cert and --key
      --cert FILE        certificate chain, PEM
      --key FILE         private key, PEM
  -r, --root FOLDER      folder to serve (the test page)
      --listing          list folders that have no index.html
      --access-log       write a line for each reply, in the combined format
      --event-loop LOOP  auto, epoll or node (auto)
      --plugin MODULE    load a protocol plugin; may be given several times
      --bus URL          join other servers: redis://HOST:PORT or nats://HOST:PORT
      --fork N           serve from N processes; one that ends is started again
  -c, --closetest        close dumb-increment-protocol after 50 numbers
  -h, --help             show this`;

const SSL_NEEDS_FILES = `--ssl needs --cert FILE and --key FILE; a pair to try it out with is made by
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=localhost \\
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -out cert.pem -keyout key.pem`;

const EVENT_LOOPS = ["auto", "epoll", "node"] as const;

/** Parses the arguments; "help" when that is what was asked for. Throws a UsageError. */
export function parseOptions(args: readonly string[]): ServerOptions | "help" {
  const { values } = withUsageErrors(() =>
    parseArgs({
      args: [...args],
      options: {
        port: { type: "string", short: "p", default: "7681" },
        interface: { type: "string", short: "i", default: "127.0.0.1" },
        ssl: { type: "boolean", short: "s", default: false },
        cert: { type: "string" },
        key: { type: "string" },
        root: { type: "string", short: "r" },
        listing: { type: "boolean", default: false },
        "access-log": { type: "boolean", default: false },
        "event-loop": { type: "string", default: "auto" },
        plugin: { type: "string", multiple: true, default: [] },
        bus: { type: "string" },
        fork: { type: "string", default: "0" },
        closetest: { type: "boolean", short: "c", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    }),
  );
  if (values.help) return "help";
  return {
    port: integerOption("--port", values.port, 0, 65_535),
    host: addressOf(values.interface),
    ssl: sslOption(values),
    root: folder(values.root ?? defaultRoot()),
    testPage: values.root === undefined,
    listing: values.listing,
    accessLog: values["access-log"],
    eventLoop: eventLoop(values["event-loop"]),
    plugins: values.plugin,
    closeTest: values.closetest,
    processes: integerOption("--fork", values.fork, 0, 1024),
    bus: values.bus === undefined ? undefined : busOf(values.bus),
  };
}

export function sslOption(values: { ssl: boolean; cert?: string; key?: string }): ServerOptions["ssl"] {
  const { ssl, cert, key } = values;
  if (!ssl && (cert !== undefined || key !== undefined))
    throw new UsageError("--cert and --key go with --ssl");
  if (!ssl) return undefined;
  if (cert === undefined || key === undefined) throw new UsageError(SSL_NEEDS_FILES);
  return { cert, key };
}

/** A name of an event loop, or a UsageError. */
export function eventLoop(name: string): ServerOptions["eventLoop"] {
  const found = EVENT_LOOPS.find((loop) => loop === name);
  if (found === undefined)
    throw new UsageError(`--event-loop takes ${EVENT_LOOPS.join(", ")}, not '${name}'`);
  return found;
}

function folder(path: string): string {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UsageError(`--root: there is no folder '${path}'`);
  }
  return path;
}

/** The address of a network interface, IPv4 first; anything that names none is taken for an address itself. */
export function addressOf(name: string): string {
  const addresses = networkInterfaces()[name] ?? [];
  return (addresses.find(({ family }) => family === "IPv4") ?? addresses[0])?.address ?? name;
}

/** The page's folder: beside this file in the source, and at the same place of the package when compiled to dist/. */
function defaultRoot(): string {
  const places = ["./public", "../../test-server/public"];
  const paths = places.map((place) => fileURLToPath(new URL(place, import.meta.url)));
  return paths.find((path) => existsSync(path)) ?? paths[0]!;
}
