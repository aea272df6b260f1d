import { splitList } from "./tokens.ts";

/** `first-last`, or the last `suffix` bytes; `last` is Infinity when it is left out. */
export type RangeSpec = { readonly first: number; readonly last: number } | { readonly suffix: number };

/** What a Range header asks for. */
export type RangeRequest =
  | { readonly kind: "ranges"; readonly specs: readonly RangeSpec[] }
  /** `5-2`: to be answered with 416. */
  | { readonly kind: "invalid" }
  /** Another unit, no ranges at all, or too many of them: to be answered as if the header were not there. */
  | { readonly kind: "ignored" };

/** Bytes from `start` up to `end`, of which there is at least one. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Who wants more is not reading a document (RFC 9110 section 17.15). Video players and PDF viewers ask for a few. */
export const MAX_RANGES = 16;

const IGNORED: RangeRequest = Object.freeze({ kind: "ignored" });
const INVALID: RangeRequest = Object.freeze({ kind: "invalid" });
const BYTES = /^bytes=/i;
const SPEC = /^(\d*)-(\d*)$/;

/** Takes a Range header apart (RFC 9110 section 14.1). */
export function parseRange(text: string): RangeRequest {
  if (!BYTES.test(text)) return IGNORED;
  const members = splitList(text.slice("bytes=".length)).filter((member) => member !== "");
  if (members.length === 0 || members.length > MAX_RANGES) return IGNORED;
  const specs: RangeSpec[] = [];
  for (const member of members) {
    const digits = SPEC.exec(member);
    if (digits === null || member === "-") return IGNORED;
    const [, first, last] = digits;
    if (first === "") specs.push({ suffix: Number(last) });
    else specs.push({ first: Number(first), last: last === "" ? Number.POSITIVE_INFINITY : Number(last) });
  }
  const turned = specs.some((spec) => "first" in spec && spec.last < spec.first);
  return turned ? INVALID : { kind: "ranges", specs };
}

/** The bytes of `spec` in a file of `size` bytes; null when there are none (RFC 9110 section 14.1.2). */
export function resolveRange(spec: RangeSpec, size: number): ByteRange | null {
  if ("suffix" in spec) {
    const start = Math.max(size - spec.suffix, 0);
    return start < size ? { start, end: size } : null;
  }
  return spec.first < size ? { start: spec.first, end: Math.min(spec.last + 1, size) } : null;
}

/**
 * The bytes of all that can be satisfied, in the order in which they were asked for. Those that overlap or touch are one,
 * in the place of the first of them (RFC 9110 section 15.3.7.2), so that no byte is ever sent twice.
 */
export function resolveRanges(specs: readonly RangeSpec[], size: number): ByteRange[] {
  let ranges: ByteRange[] = [];
  for (const spec of specs) {
    const range = resolveRange(spec, size);
    if (range !== null) ranges = withRange(ranges, range);
  }
  return ranges;
}

/** The value of Content-Range for a part. */
export function contentRange({ start, end }: ByteRange, size: number): string {
  return `bytes ${start}-${end - 1}/${size}`;
}

function withRange(ranges: readonly ByteRange[], added: ByteRange): ByteRange[] {
  const touching = ranges.filter((range) => range.start <= added.end && added.start <= range.end);
  const all = [...touching, added];
  const one = {
    start: Math.min(...all.map(({ start }) => start)),
    end: Math.max(...all.map(({ end }) => end)),
  };
  if (touching.length === 0) return [...ranges, one];
  return ranges
    .map((range) => (range === touching[0] ? one : range))
    .filter((range) => range === one || !touching.includes(range));
}
