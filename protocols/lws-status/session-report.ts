/** One live session, as the watchers see it. Texts are cut after `MAX_TEXT` characters. */
export interface SessionReport {
  /** The process that serves it, by its id and its machine: `"4242@web1"`. */
  server: string;
  address: string;
  port: number;
  protocol: string;
  userAgent: string;
  /** Connected since, ISO 8601 in UTC. */
  since: string;
  bytesReceived: number;
  bytesSent: number;
  messagesReceived: number;
  messagesSent: number;
}

/** Clients choose what they are called: no session shall take the room of many. */
export const MAX_TEXT = 256;

const isText = (value: unknown) => typeof value === "string" && value.length <= MAX_TEXT;
const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
const isPort = (value: unknown) => isCount(value) && (value as number) <= 65_535;

function isInstant(value: unknown): boolean {
  const date = new Date(typeof value === "string" ? value : Number.NaN);
  return !Number.isNaN(date.getTime()) && date.toISOString() === value;
}

const FIELDS: { readonly [Name in keyof SessionReport]: (value: unknown) => boolean } = {
  server: isText,
  address: isText,
  port: isPort,
  protocol: isText,
  userAgent: isText,
  since: isInstant,
  bytesReceived: isCount,
  bytesSent: isCount,
  messagesReceived: isCount,
  messagesSent: isCount,
};
const NAMES = Object.keys(FIELDS) as (keyof SessionReport)[];

/** True for what has every field of a report, each as it has to be, and nothing else. */
export function isSessionReport(value: unknown): value is SessionReport {
  if (typeof value !== "object" || value === null || Object.keys(value).length !== NAMES.length) return false;
  const fields = value as Record<string, unknown>;
  return NAMES.every((name) => Object.hasOwn(fields, name) && FIELDS[name](fields[name]));
}
