/** One reply, as an access log tells of it. */
export interface AccessLogEntry {
  /** When the reply was over, in milliseconds since 1970. */
  readonly time: number;
  /** As `wsi.remoteAddress`; empty for a Unix socket. */
  readonly remoteAddress: string;
  /** The request as it came; each an empty string where it could not be read. */
  readonly method: string;
  readonly target: string;
  /** `"1.1"` or `"1.0"`. */
  readonly httpVersion: string;
  readonly referer: string;
  readonly userAgent: string;
  readonly status: number;
  /** Bytes of the body that were handed to the connection, chunk sizes not counted; 0 for an upgrade. */
  readonly bytes: number;
  /** Milliseconds from the request's head to the end of the reply. */
  readonly durationMs: number;
}

/**
 * The Common Log Format, without the end of the line:
 *
 * ```
 *   192.0.2.1 - - [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.1" 200 2326
 * ```
 */
export function commonLine(entry: AccessLogEntry): string {
  const { method, target, httpVersion, status, bytes } = entry;
  const request = method === "" ? "-" : `${escaped(method)} ${escaped(target)} HTTP/${httpVersion}`;
  return `${entry.remoteAddress || "-"} - - [${logTime(entry.time)}] "${request}" ${status} ${bytes}`;
}

/** The Combined Log Format: the common one, then Referer and User-Agent. */
export function combinedLine(entry: AccessLogEntry): string {
  return `${commonLine(entry)} "${escaped(entry.referer) || "-"}" "${escaped(entry.userAgent) || "-"}"`;
}

/**
 * Text that a peer has sent, for a place between quotes: quotes, backslashes and all that is not visible ASCII become
 * `\xNN`, so that nobody writes lines of his own into the log, or to the terminal of who reads it.
 */
export function escaped(text: string): string {
  return UNSAFE.test(text) ? text.replaceAll(EVERY_UNSAFE, escapeOne) : text;
}

const UNSAFE = /[^\x20-\x21\x23-\x5b\x5d-\x7e]/;
const EVERY_UNSAFE = /[^\x20-\x21\x23-\x5b\x5d-\x7e]/g;

function escapeOne(unit: string): string {
  const code = unit.charCodeAt(0);
  const hex = code.toString(16).toUpperCase();
  return code < 256 ? `\\x${hex.padStart(2, "0")}` : `\\u${hex.padStart(4, "0")}`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

let timeSecond = Number.NaN;
let timeCached = "";

/** `10/Oct/2000:13:55:36 -0700`, in the zone of this machine; made once a second. */
export function logTime(nowMs: number): string {
  const second = Math.floor(nowMs / 1000);
  if (second !== timeSecond) {
    timeSecond = second;
    timeCached = formatTime(new Date(second * 1000));
  }
  return timeCached;
}

function formatTime(date: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${two(date.getDate())}/${MONTHS[date.getMonth()]}/${date.getFullYear()}`;
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  const offset = -date.getTimezoneOffset();
  const minutes = Math.abs(offset);
  const zone = `${offset < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}${two(minutes % 60)}`;
  return `${day}:${clock} ${zone}`;
}
