/** Throws a TypeError that names the option. */
export type Check = (value: unknown, name: string) => void;

export function wrong(name: string, wanted: string, value: unknown): TypeError {
  return new TypeError(`${name}: has to be ${wanted}, not ${shown(value)}`);
}

/** A value that was given, as a message tells it. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "an object";
  // NaN and Infinity, which JSON calls null.
  return typeof value === "number" ? String(value) : (JSON.stringify(value) ?? typeof value);
}

export function integer(least: number, most = Number.MAX_SAFE_INTEGER): Check {
  const wanted =
    most === Number.MAX_SAFE_INTEGER ? `a whole number from ${least}` : `a whole number, ${least} to ${most}`;
  return (value, name) => {
    if (!Number.isInteger(value) || (value as number) < least || (value as number) > most) {
      throw wrong(name, wanted, value);
    }
  };
}

export function oneOf(...words: string[]): Check {
  const wanted = words.map((word) => `"${word}"`).join(", ");
  return (value, name) => {
    if (!words.includes(value as string)) throw wrong(name, `one of ${wanted}`, value);
  };
}

export function text(value: unknown, name: string): void {
  if (typeof value !== "string" || value === "") throw wrong(name, "a string", value);
}

export function flag(value: unknown, name: string): void {
  if (typeof value !== "boolean") throw wrong(name, "true or false", value);
}

export function list(value: unknown, name: string): void {
  if (!Array.isArray(value)) throw wrong(name, "a list", value);
}

/**
 * What a function of the user's has answered.
 *
 * @throws TypeError for a promise, which is true whatever comes of it. Nobody else will hear how it ends.
 */
export function atOnce(answer: unknown): unknown {
  if (!(answer instanceof Promise)) return answer;
  answer.catch(() => {});
  throw new TypeError("it gave a promise, and has to answer at once");
}
