import Negotiator from "negotiator";

/** Content codings that a file may lie on disk in, and `identity` for the file itself. */
export type Coding = "br" | "zstd" | "gzip" | "identity";

/** The codings that a request takes, the one it likes best first. The same object for the same list. */
export interface Codings {
  /** The list as text, to be part of a key. */
  readonly key: string;
  /** Without `identity` where the request refuses that. */
  readonly order: readonly Coding[];
}

/** Ends the name of a file's variant. */
export const SUFFIX: Readonly<Record<Exclude<Coding, "identity">, string>> = Object.freeze({
  br: ".br",
  zstd: ".zst",
  gzip: ".gz",
});

/** The order among those that a request likes as much: the smallest first, as compressed ahead of time. */
const OURS: readonly Coding[] = Object.freeze(["br", "zstd", "gzip", "identity"]);

const lists = new Map<string, Codings>();
/** By header: browsers send a handful of different ones. */
const known = new Map<string, Codings>();
const MAX_KNOWN = 128;
const MAX_KNOWN_LENGTH = 128;

/** The file itself, and nothing else. */
export const IDENTITY: Codings = listOf(["identity"]);

/**
 * The codings that Accept-Encoding allows (RFC 9110 section 12.5.3), by its q-values; those that are alike in our order.
 * Without the header, and for one that cannot be read, the file itself: clients that send none often can decode none.
 */
export function acceptedCodings(header: string | undefined): Codings {
  if (header === undefined) return IDENTITY;
  const before = known.get(header);
  if (before !== undefined) return before;
  const codings = listOf(negotiate(header));
  if (header.length <= MAX_KNOWN_LENGTH) {
    if (known.size === MAX_KNOWN) known.clear();
    // A copy: as a part of a request's head the header would keep all of that alive.
    known.set(Buffer.from(header).toString(), codings);
  }
  return codings;
}

/** What `encodings` takes besides, and the types do not know yet: an order for those of the same q-value. */
interface WithPreference {
  encodings(available: readonly string[], options: { preferred: readonly string[] }): string[];
}

function negotiate(header: string): readonly Coding[] {
  const negotiator = new Negotiator({ headers: { "accept-encoding": header } }) as WithPreference;
  return negotiator.encodings(OURS, { preferred: OURS }) as Coding[];
}

function listOf(order: readonly Coding[]): Codings {
  const key = order.join(",");
  let list = lists.get(key);
  if (list === undefined) lists.set(key, (list = Object.freeze({ key, order: Object.freeze([...order]) })));
  return list;
}
