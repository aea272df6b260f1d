import { parseArgs } from "node:util";
import { CONNECT_OPTIONS, connectHelp, type Destination, destination } from "./client-program.ts";
import { eventLoop, type ServerOptions } from "./options.ts";
import { integerOption, UsageError, withUsageErrors } from "./program.ts";

/** What the test client was asked to do. */
export interface ClientOptions {
  destination: Destination;
  /** Numbers to print before it ends; Infinity for no end. */
  count: number;
  /** Circles a second; Infinity for as many as the mirror takes. */
  rate: number;
  /** Never leave the mirror. */
  longLived: boolean;
  /** Offer permessage-deflate. */
  deflate: boolean;
  eventLoop: ServerOptions["eventLoop"];
}

export const HELP = `Usage: sluice-test-client [options] ADDRESS

Prints the numbers of dumb-increment-protocol, a line each, and draws random circles
into lws-mirror-protocol, where everybody sees them who has the test page open.
ADDRESS is a name, an IP address, or a URL such as wss://example.com/path.

  -c, --count N          end after N numbers
  -r, --rate N           circles a second, 0 for as many as the mirror takes (20)
  -l, --longlived        stay in the mirror; else it is left and entered anew now and then
  -u, --undeflated       do not offer permessage-deflate
  -v, --version N        version of the protocol: 13, there is no other one
  -k, --killmask         taken for old scripts: a client always masks
  -n, --nomux            taken for old scripts: nothing is multiplexed
${connectHelp("s")}`;

/** Parses the arguments; "help" when that is what was asked for. Throws a UsageError. */
export function parseClientOptions(args: readonly string[]): ClientOptions | "help" {
  const { values, positionals } = withUsageErrors(() =>
    parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...CONNECT_OPTIONS,
        ssl: { type: "boolean", short: "s", default: false },
        count: { type: "string", short: "c" },
        rate: { type: "string", short: "r", default: "20" },
        longlived: { type: "boolean", short: "l", default: false },
        undeflated: { type: "boolean", short: "u", default: false },
        version: { type: "string", short: "v", default: "13" },
        killmask: { type: "boolean", short: "k", default: false },
        nomux: { type: "boolean", short: "n", default: false },
      },
    }),
  );
  if (values.help) return "help";
  if (values.version !== "13")
    throw new UsageError(`--version: the protocol is spoken in version 13 only, not '${values.version}'`);
  return {
    destination: destination(positionals, values),
    count: values.count === undefined ? Infinity : integerOption("--count", values.count, 1, 2 ** 32),
    rate: integerOption("--rate", values.rate, 0, 1000) || Infinity,
    longLived: values.longlived,
    deflate: !values.undeflated,
    eventLoop: eventLoop(values["event-loop"]),
  };
}
