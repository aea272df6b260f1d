import {
  ANY_PORT,
  type ClientConnectOptions,
  type CloseInfo,
  type Context,
  type ContextOptions,
  createContext,
} from "sluice";
import {
  CONNECT_OPTIONS,
  type Destination,
  destination,
  type Ending,
  open,
  printable,
} from "./client-program.ts";
import { addressOf, eventLoop, type ServerOptions, sslOption } from "./options.ts";
import { integerOption, type Terminal, UsageError } from "./program.ts";

/*
 * What the programs share that are a server, or with -c a client.
 */

/** Which end to be: there is a destination, or what follows says where to listen. */
export interface Ends {
  destination: Destination | undefined;
  /** 0 for a free one. */
  port: number;
  host: string;
  ssl: ServerOptions["ssl"];
  eventLoop: ServerOptions["eventLoop"];
}

/** The options of both ends, for `parseArgs` of node:util. */
export const END_OPTIONS = {
  ...CONNECT_OPTIONS,
  client: { type: "string", short: "c" },
  interface: { type: "string", short: "i" },
  ssl: { type: "boolean", short: "s", default: false },
  cert: { type: "string" },
  key: { type: "string" },
} as const;

/** What END_OPTIONS come to. */
export interface EndValues {
  client?: string;
  port?: string;
  interface?: string;
  ssl: boolean;
  verify: boolean;
  ca?: string;
  cert?: string;
  key?: string;
  "event-loop": string;
}

/** The lines of the help about them. */
export const endsHelp = (port: number) => `\
  -c, --client ADDRESS   be the client: a name, an IP address, or a URL
  -p, --port N           port to listen on (0: a free one) or connect to (${port})
  -i, --interface NAME   server: address or interface to listen on (127.0.0.1)
  -s, --ssl              server: speak TLS; needs --cert and --key
                         client: speak TLS, and take any certificate
      --cert FILE        server: certificate chain, PEM
      --key FILE         server: private key, PEM
      --verify           client: speak TLS, and take valid certificates only
      --ca FILE          client: as --verify, by the authorities in this PEM file
      --event-loop LOOP  auto, epoll or node (auto)
  -h, --help             show this`;

/** @throws UsageError */
export function parseEnds(values: EndValues, defaultPort: number): Ends {
  const { client, port, cert, key, ca, verify } = values;
  const ends = {
    destination: undefined,
    port: 0,
    host: addressOf(values.interface ?? "127.0.0.1"),
    ssl: undefined,
    eventLoop: eventLoop(values["event-loop"]),
  };
  if (client !== undefined) {
    onlyOf("server", { "--interface": values.interface, "--cert": cert, "--key": key });
    return { ...ends, destination: destination([client], values, defaultPort) };
  }
  onlyOf("client", { "--ca": ca, "--verify": verify || undefined });
  const listenOn = integerOption("--port", port ?? String(defaultPort), 0, 65_535);
  return { ...ends, port: listenOn, ssl: sslOption(values) };
}

/** Complains about the first option that was given, and that only the other end has. */
export function onlyOf(end: "client" | "server", given: Readonly<Record<string, unknown>>): void {
  const [name] = Object.entries(given).find(([, value]) => value !== undefined) ?? [];
  if (name === undefined) return;
  throw new UsageError(`${name} is for the ${end}, ${end === "client" ? "with" : "without"} --client`);
}

// ── Running ──────────────────────────────────────────────────────────────────────────────────────────────────

/** Serves until the terminal's signal, then lets every session close. */
export async function runServer(ends: Ends, options: ContextOptions, terminal: Terminal): Promise<void> {
  const { host, ssl } = ends;
  const context = await listen(ends, options);
  const authority = `${host.includes(":") ? `[${host}]` : host}:${context.port}`;
  terminal.out(`Listening on ${ssl ? "wss" : "ws"}://${authority}/ (${context.eventLoop} loop). ^C ends it.`);
  const stop = () => void context.destroy();
  if (terminal.signal.aborted) stop();
  else terminal.signal.addEventListener("abort", stop, { once: true });
  await context.run();
  await context.destroy();
}

async function listen({ port, host, ssl, eventLoop }: Ends, options: ContextOptions): Promise<Context> {
  const place = { port: port === 0 ? ANY_PORT : port, host, eventLoop, ...(ssl && { ssl }) };
  try {
    return await createContext({ ...options, ...place });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EADDRINUSE")) throw error;
    throw new Error(`the port is taken: ${error.message}. Choose another one with --port.`);
  }
}

/** Connects, and runs until the protocol or the terminal's signal ends it. Throws the failure that it ended with. */
export async function runClient(
  target: Destination,
  options: ContextOptions,
  more: ClientConnectOptions,
  ending: Ending,
  terminal: Terminal,
): Promise<void> {
  const context = await createContext(options);
  try {
    open(context, target, more);
  } catch (error) {
    await context.destroy();
    throw error;
  }
  await ending.wait(context, terminal);
}

// ── Figures ──────────────────────────────────────────────────────────────────────────────────────────────────

/** `"1 message"`, `"2 messages"`. */
export function count(number: number, noun: string, plural = "s"): string {
  return `${number} ${noun}${number === 1 ? "" : plural}`;
}

/** Bytes in the unit that suits them: `"999 B"`, `"1.0 kB"`, `"12.3 MB"`. */
export function size(bytes: number): string {
  if (bytes < 1000) return `${Math.round(bytes)} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let unit = 0;
  let value = bytes / 1000;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${value.toFixed(1)} ${units[unit]}`;
}

/** `"closed with 1000"`, with the reason where there is one. */
export function ended({ code, reason }: CloseInfo): string {
  return `closed with ${code}${reason === "" ? "" : ` ("${printable(reason)}")`}`;
}
