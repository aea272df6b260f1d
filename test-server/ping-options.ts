import { parseArgs } from "node:util";
import { CONNECT_OPTIONS, connectHelp, type Destination, destination } from "./client-program.ts";
import { eventLoop, type ServerOptions } from "./options.ts";
import { SEQUENCE_BYTES } from "./ping-payload.ts";
import { integerOption, UsageError, withUsageErrors } from "./program.ts";

/** What sluice-ping was asked to do. Times in milliseconds. */
export interface PingOptions {
  destination: Destination;
  interval: number;
  /** Bytes of payload. */
  size: number;
  /** Pings to send; Infinity for no end. */
  count: number;
  /** Send the next one as soon as the reply is there, and draw dots instead of lines. */
  flood: boolean;
  /** Send messages that come back, instead of PING frames. */
  mirror: boolean;
  /** Connections; each of them sends a copy of each ping. */
  replicate: number;
  /** The sub-protocol to ask for; an empty string for none. */
  protocol: string;
  /** How long to wait for replies behind the last ping. */
  wait: number;
  eventLoop: ServerOptions["eventLoop"];
}

/** The most that a control frame holds (RFC 6455 section 5.5), and that the original sends through the mirror. */
const MAX_PING = 125;
const MAX_MESSAGE = 4096;
/** How long a flood waits for a reply before it sends on all the same. */
const FLOOD_INTERVAL = 10;
const SECOND = 1000;
const HOUR = 3600;

export const HELP = `Usage: sluice-ping [options] ADDRESS

Sends WebSocket pings, and prints a line for each reply; at the end, or on ^C, what
was lost, and how long it took. Ends with 0 when there were replies, else with 1.
ADDRESS is a name, an IP address, or a URL such as wss://example.com/path.

  -i, --interval S       seconds between two pings (1)
  -s, --size N           bytes of payload, ${SEQUENCE_BYTES} to ${MAX_PING}, to ${MAX_MESSAGE} with --mirror (64)
  -c, --count N          end after N pings
  -f, --flood            send as soon as the reply is there, or each ${FLOOD_INTERVAL} ms; a dot for each
                         ping, which its reply takes back
  -m, --mirror           send binary messages through a mirror or echo, not PING frames
  -r, --replicate N      N connections, each of which sends a copy of each ping (1)
  -n, --protocol NAME    sub-protocol to ask for, '' for none (lws-mirror-protocol)
  -W, --wait S           seconds to wait for replies behind the last ping (2)
${connectHelp("t")}`;

/** Parses the arguments; "help" when that is what was asked for. Throws a UsageError. */
export function parsePingOptions(args: readonly string[]): PingOptions | "help" {
  const { values, positionals } = withUsageErrors(() =>
    parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...CONNECT_OPTIONS,
        ssl: { type: "boolean", short: "t", default: false },
        interval: { type: "string", short: "i" },
        size: { type: "string", short: "s", default: "64" },
        count: { type: "string", short: "c" },
        flood: { type: "boolean", short: "f", default: false },
        mirror: { type: "boolean", short: "m", default: false },
        replicate: { type: "string", short: "r", default: "1" },
        protocol: { type: "string", short: "n", default: "lws-mirror-protocol" },
        wait: { type: "string", short: "W", default: "2" },
      },
    }),
  );
  if (values.help) return "help";
  return {
    destination: destination(positionals, values),
    interval: intervalOf(values),
    size: integerOption("--size", values.size, SEQUENCE_BYTES, values.mirror ? MAX_MESSAGE : MAX_PING),
    count: values.count === undefined ? Infinity : integerOption("--count", values.count, 1, 2 ** 32),
    flood: values.flood,
    mirror: values.mirror,
    replicate: integerOption("--replicate", values.replicate, 1, 256),
    protocol: values.protocol,
    wait: secondsOption("--wait", values.wait),
    eventLoop: eventLoop(values["event-loop"]),
  };
}

function intervalOf({ interval, flood }: { interval?: string; flood: boolean }): number {
  if (interval !== undefined) return secondsOption("--interval", interval);
  return flood ? FLOOD_INTERVAL : SECOND;
}

/** In milliseconds. */
function secondsOption(name: string, text: string): number {
  const value = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= 0.001 && value <= HOUR))
    throw new UsageError(`${name} takes seconds from 0.001 to ${HOUR}, not '${text}'`);
  return Math.round(value * SECOND);
}
