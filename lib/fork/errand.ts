/** What a child was started for. */
export interface Errand {
  /** Which context of the program it serves: the how many-th call of createContext, from 0. */
  readonly context: number;
  /** Which of the children it is, from 0. One that takes the place of another has the same number. */
  readonly place: number;
  /** The listening descriptor that it inherited. */
  readonly fd: number;
}

/** Where it stands in a child's environment, as three numbers. */
const VARIABLE = "SLUICE_FORKED";

/** The environment of a child. */
export function withErrand(environment: NodeJS.ProcessEnv, errand: Errand): NodeJS.ProcessEnv {
  return { ...environment, [VARIABLE]: `${errand.context} ${errand.place} ${errand.fd}` };
}

/**
 * Takes the errand out of the environment, where what this process starts would find it too. Null for a process that
 * nobody has forked.
 *
 * @throws Error for one that no parent has written.
 */
export function takeErrand(environment: NodeJS.ProcessEnv): Errand | null {
  const text = environment[VARIABLE];
  delete environment[VARIABLE];
  if (text === undefined) return null;
  if (!/^\d{1,9} \d{1,9} \d{1,9}$/.test(text))
    throw new Error(`${VARIABLE} is for forkServiceLoop's own use`);
  const [context, place, fd] = text.split(" ").map(Number);
  return { context, place, fd };
}
