import { codedError } from "../base/errors.ts";

/** Bytes that may be on their way at a time, unless the options say otherwise: 16 MiB. */
export const MAX_BACKLOG = 16_777_216;

/** @throws TypeError */
export function checkName(where: string, option: string, value: unknown): string {
  if (typeof value !== "string" || value === "") throw new TypeError(`${where}: ${option} is not a name`);
  return value;
}

/** @throws TypeError */
export function checkBacklog(where: string, value: unknown = MAX_BACKLOG): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value <= 0) {
    throw new TypeError(`${where}: maxBacklog is a number of bytes above 0, not ${String(value)}`);
  }
  return value;
}

/** Options that are handed on to a package as they are. */
export type Handed = Readonly<Record<string, unknown>>;

/** @throws TypeError */
export function checkHanded(where: string, value: unknown = {}): Handed {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TypeError(`${where}: client is not an object`);
  }
  return value as Handed;
}

/** Loads a package that is not always there. */
export async function loadPackage<T>(where: string, name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    throw codedError("ENOTSUP", `${where} needs the package "${name}": npm install ${name}`, cause);
  }
}

/** How long to wait before the next attempt to connect, in milliseconds: 100, 200, … up to 5 s, give or take a half. */
export function backOff(attempt: number): number {
  return Math.round(Math.min(100 * 2 ** Math.min(attempt, 10), 5000) * (0.5 + Math.random()));
}
