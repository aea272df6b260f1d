import type { ClientConnectOptions, ClientTls, Context, Wsi } from "sluice";
import { EXIT, integerOption, type Program, type Terminal, UsageError } from "./program.ts";

/** Where the programs that are clients connect to, unless told otherwise. */
export const DEFAULT_PORT = 7681;

/** The options of `parseArgs` that say where and how to connect, as far as all clients have the same. */
export const CONNECT_OPTIONS = {
  port: { type: "string", short: "p" },
  verify: { type: "boolean", default: false },
  ca: { type: "string" },
  "event-loop": { type: "string", default: "auto" },
  help: { type: "boolean", short: "h", default: false },
} as const;

/** The lines of the help about them; --ssl has another letter where -s is taken. */
export const connectHelp = (sslLetter: string): string => `\
  -p, --port N           port to connect to (${DEFAULT_PORT})
  -${sslLetter}, --ssl              speak TLS, and take any certificate
      --verify           speak TLS, and take a certificate only that is valid
      --ca FILE          as --verify, by the authorities in this PEM file
      --event-loop LOOP  auto, epoll or node (auto)
  -h, --help             show this`;

/** Where to connect to, and how. */
export interface Destination {
  readonly url: URL;
  /** For `clientConnect`, where the URL does not say it all. */
  readonly ssl?: 1 | 2 | ClientTls;
}

/** What was asked for by `CONNECT_OPTIONS`, and by --ssl, which has a short form of its own in each program. */
interface ConnectValues {
  port?: string | undefined;
  ssl: boolean;
  verify: boolean;
  ca?: string | undefined;
}

/**
 * The one address among the arguments: a name or an IP address, with or without a port, or a whole URL. Throws a
 * UsageError.
 */
export function destination(
  addresses: readonly string[],
  values: ConnectValues,
  defaultPort: number = DEFAULT_PORT,
): Destination {
  const [address, ...more] = addresses;
  if (address === undefined) throw new UsageError("an ADDRESS to connect to is missing; --help tells more");
  if (more.length > 0) throw new UsageError(`one ADDRESS only, not '${more[0]}' too`);
  const ssl = tlsOf(values);
  const url = urlOf(address, ssl !== undefined);
  if (ssl !== undefined && url.protocol === "ws:") throw new UsageError(`'${address}' is not for TLS`);
  if (values.port !== undefined && namesPort(address))
    throw new UsageError(`--port: there is a port in '${address}' already`);
  if (!namesPort(address))
    url.port = String(integerOption("--port", values.port ?? String(defaultPort), 1, 65_535));
  return { url, ...(ssl !== undefined && { ssl }) };
}

function tlsOf({ ssl, verify, ca }: ConnectValues): Destination["ssl"] {
  if (ssl && (verify || ca !== undefined))
    throw new UsageError("--ssl takes any certificate; use --verify or --ca without it");
  if (ca !== undefined) return { ca };
  if (verify) return 1;
  return ssl ? 2 : undefined;
}

const SCHEME = /^[a-z]+:\/\//i;

/** A whole URL has one always, be it that of its scheme. Colons in a bare IPv6 address begin none. */
function namesPort(address: string): boolean {
  return SCHEME.test(address) || (/:\d+(?:\/|$)/.test(address) && !isBareIPv6(address));
}

function isBareIPv6(address: string): boolean {
  return /^[0-9a-f.]*:[0-9a-f.]*:[0-9a-f:.]*$/i.test(address);
}

function urlOf(address: string, secure: boolean): URL {
  const named = isBareIPv6(address) ? `[${address}]` : address;
  const text = SCHEME.test(named) ? named.replace(/^http/i, "ws") : `${secure ? "wss" : "ws"}://${named}`;
  if (!URL.canParse(text) || !/^wss?:/i.test(text))
    throw new UsageError(`'${address}' is neither an address nor a ws:// or wss:// URL`);
  return new URL(text);
}

/** How messages name a place: without the name and password that a URL may hold. */
export function shown({ protocol, host, pathname }: URL): string {
  return `${protocol}//${host}${pathname}`;
}

/** Begins to connect. What the library finds wrong with the options is a UsageError. */
export function open(context: Context, { url, ssl }: Destination, more: ClientConnectOptions): Wsi {
  try {
    return context.clientConnect({ url, ...(ssl !== undefined && { ssl }), ...more });
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(error.message);
    throw error;
  }
}

/** What a peer sent, fit for a terminal: others than printable ASCII could do more there than be read. */
export function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, "?");
}

/** The end of a client: the first reason to end decides, and what comes behind it is a consequence. */
export class Ending {
  #over = false;
  #failure: Error | undefined;

  get over(): boolean {
    return this.#over;
  }

  end(context: Context, failure?: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#failure = failure;
    void context.destroy();
  }

  /** Ends it because a connection could not be made. */
  noConnection(context: Context, { url }: Destination, error: Error): void {
    this.end(context, new Error(`cannot connect to ${shown(url)}: ${printable(error.message.trim())}`));
  }

  /** Services the context until the end, or until the terminal's signal. Throws the failure that it ended with. */
  async wait(context: Context, { signal }: Terminal): Promise<void> {
    const stop = () => this.end(context);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
    await context.run();
    await context.destroy();
    if (this.#failure !== undefined) throw this.#failure;
  }
}

/** A program that has options and a help, and that tells in one line what went wrong. */
export function clientProgram<Options extends object>(
  name: string,
  help: string,
  parse: (args: readonly string[]) => Options | "help",
  run: (options: Options, terminal: Terminal) => Promise<number>,
): Program {
  return async (args, terminal) => {
    try {
      const options = parse(args);
      if (options !== "help") return await run(options, terminal);
      terminal.out(help);
      return EXIT.ok;
    } catch (error) {
      terminal.error(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      return error instanceof UsageError ? EXIT.usage : EXIT.failed;
    }
  };
}
