import { type LookupAddress, lookup } from "node:dns";
import { codedError } from "../base/errors.ts";

/**
 * Names that are resolved at a time. The system resolves them on the threads of libuv, which take two of them at once by
 * default; what was handed to them cannot be taken back, so that the rest waits here.
 */
const MOST_AT_ONCE = 8;

/** Hears the addresses of a name, in the order to try them in, or why there are none. */
export type OnAddresses = (error: Error | null, addresses: string[]) => void;

/** A name that is being resolved, or will be; and who wants to know. */
type Asked = Set<OnAddresses>;

const waiting = new Map<string, Asked>();
const running = new Map<string, Asked>();

/**
 * Resolves a name by the system (getaddrinfo). Those who ask for one name while it is being resolved share the answer;
 * nothing is remembered beyond it.
 *
 * @param told - Is called once, with an error of its own. Not after the returned function was called, which gives up;
 *   a name that nobody waits for any more is not resolved.
 */
export function resolveName(name: string, told: OnAddresses): () => void {
  const asked = running.get(name) ?? waiting.get(name) ?? new Set();
  asked.add(told);
  if (!running.has(name)) waiting.set(name, asked);
  startNext();
  return () => {
    asked.delete(told);
    if (asked.size === 0 && waiting.get(name) === asked) waiting.delete(name);
  };
}

function startNext(): void {
  for (const [name, asked] of waiting) {
    if (running.size >= MOST_AT_ONCE) return;
    waiting.delete(name);
    running.set(name, asked);
    start(name, asked);
  }
}

function start(name: string, asked: Asked): void {
  const done = (error: Error | null, found: readonly LookupAddress[]) => {
    running.delete(name);
    const none =
      error ?? (found.length > 0 ? null : codedError("ENOTFOUND", `getaddrinfo ENOTFOUND ${name}`));
    // Whoever hears of an error may write on it.
    for (const told of asked) told(none && Object.assign(new Error(none.message), none), inOrder(found));
    startNext();
  };
  try {
    lookup(name, { all: true, verbatim: true }, (error, found) => done(error, found ?? []));
  } catch (error) {
    process.nextTick(done, error as Error, []);
  }
}

/**
 * The order to try addresses in (RFC 8305 section 4): as the system has sorted them, but families by turns, so that one
 * that leads nowhere holds up no more than one attempt. The system puts IPv6 first where that can be reached.
 */
export function inOrder(found: readonly LookupAddress[]): string[] {
  const first = found.filter(({ family }) => family === found[0].family);
  const second = found.filter(({ family }) => family !== found[0].family);
  const all: string[] = [];
  for (let i = 0; i < Math.max(first.length, second.length); i++)
    for (const list of [first, second]) if (i < list.length) all.push(list[i].address);
  return [...new Set(all)];
}
