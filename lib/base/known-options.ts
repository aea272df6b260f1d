/**
 * Refuses what is no object in the place of options.
 *
 * @param where - The function that takes them, for the message.
 * @throws TypeError that names the function.
 */
export function checkOptions(where: string, options: unknown): asserts options is object {
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw new TypeError(`${where} takes an object of options`);
}

/**
 * As `checkOptions`, and refuses a name that nobody knows.
 *
 * @throws TypeError that names the function, and the option when there is one that is not among the known.
 */
export function checkKnown(where: string, options: unknown, known: readonly string[]): void {
  checkOptions(where, options);
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown !== undefined) throw new TypeError(`${where}: there is no option ${unknown}`);
}
