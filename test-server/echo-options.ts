import { parseArgs } from "node:util";
import type { PermessageDeflateOptions } from "sluice";
import { KINDS, type Kind } from "./echo-messages.ts";
import { integerOption, UsageError, withUsageErrors } from "./program.ts";
import { END_OPTIONS, type Ends, endsHelp, onlyOf, parseEnds } from "./two-ended.ts";

/** What echo was asked to do. */
export interface EchoOptions {
  ends: Ends;
  /** Undefined for no compression. */
  deflate: PermessageDeflateOptions | undefined;
  /** The largest message that the server takes. */
  maxMessage: number;
  play: Play;
}

/** What the client plays. */
export interface Play {
  /** 0 for no end. */
  count: number;
  sizes: readonly number[];
  kind: Kind;
  /** Frames to send each message in. */
  fragments: number;
  /** Messages to send before the echo of the first one is there. */
  inFlight: number;
}

const PORT = 9001;
const MAX_SIZE = 268_435_456;
/** On both sides of where a frame's header gets longer. */
const SIZES = "0,1,125,126,127,65535,65536";

export const HELP = `Usage: sluice-echo [options]
       sluice-echo -c ADDRESS [options]

A server that sends every message back as it came, for conformance suites and load
generators. The client plays messages, compares each echo byte for byte, and ends
with 0 when all were right, else with 1.

  -n, --count N          client: messages to play, 0 for no end (1000)
      --size N,N,…       client: bytes of the messages, one after another and round
                         again (${SIZES})
      --kind KIND        client: text, binary or mixed (mixed)
      --fragments N      client: frames to send each message in (1)
      --in-flight N      client: messages to send before the first echo is there (1)
      --max-message N    server: bytes of the largest message to take (16777216)
      --deflate          compress messages: permessage-deflate
      --threshold N      with --deflate: shorter messages go plain (1024)
      --window-bits N    with --deflate: look back at most 2^N bytes, 9 to 15 (15)
      --no-context-takeover
                         with --deflate: each message by itself, both ways
${endsHelp(PORT)}`;

/** Parses the arguments; "help" when that is what was asked for. Throws a UsageError. */
export function parseOptions(args: readonly string[]): EchoOptions | "help" {
  const { values } = withUsageErrors(() =>
    parseArgs({
      args: [...args],
      options: {
        ...END_OPTIONS,
        ...PLAY_OPTIONS,
        "max-message": { type: "string" },
        deflate: { type: "boolean", default: false },
        threshold: { type: "string" },
        "window-bits": { type: "string" },
        "no-context-takeover": { type: "boolean", default: false },
      },
    }),
  );
  if (values.help) return "help";
  const ends = parseEnds(values, PORT);
  const limit = values["max-message"];
  if (ends.destination !== undefined) onlyOf("server", { "--max-message": limit });
  else for (const name of PLAY_NAMES) onlyOf("client", { [`--${name}`]: values[name] });
  return {
    ends,
    deflate: deflateOptions(values),
    maxMessage: integerOption("--max-message", limit ?? "16777216", 1, MAX_SIZE),
    play: playOptions(values),
  };
}

const PLAY_OPTIONS = {
  count: { type: "string", short: "n" },
  size: { type: "string" },
  kind: { type: "string" },
  fragments: { type: "string" },
  "in-flight": { type: "string" },
} as const;
const PLAY_NAMES = ["count", "size", "kind", "fragments", "in-flight"] as const;

function playOptions(values: { readonly [Name in (typeof PLAY_NAMES)[number]]?: string }): Play {
  return {
    count: integerOption("--count", values.count ?? "1000", 0, 1e9),
    sizes: (values.size ?? SIZES).split(",").map((size) => integerOption("--size", size, 0, MAX_SIZE)),
    kind: kindOption(values.kind ?? "mixed"),
    fragments: integerOption("--fragments", values.fragments ?? "1", 1, 65_536),
    inFlight: integerOption("--in-flight", values["in-flight"] ?? "1", 1, 65_536),
  };
}

function kindOption(text: string): Kind {
  const found = KINDS.find((kind) => kind === text);
  if (found === undefined) throw new UsageError(`--kind takes ${KINDS.join(", ")}, not '${text}'`);
  return found;
}

function deflateOptions(values: {
  deflate: boolean;
  threshold?: string;
  "window-bits"?: string;
  "no-context-takeover": boolean;
}): PermessageDeflateOptions | undefined {
  const { threshold, "window-bits": bits, "no-context-takeover": alone } = values;
  if (!values.deflate) {
    if (threshold !== undefined || bits !== undefined || alone)
      throw new UsageError("--threshold, --window-bits and --no-context-takeover go with --deflate");
    return undefined;
  }
  const window = integerOption("--window-bits", bits ?? "15", 9, 15);
  return {
    threshold: integerOption("--threshold", threshold ?? "1024", 0, MAX_SIZE),
    serverMaxWindowBits: window,
    clientMaxWindowBits: window,
    serverNoContextTakeover: alone,
    clientNoContextTakeover: alone,
  };
}
