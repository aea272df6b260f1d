/** What `forkServiceLoop` takes. */
export interface ForkOptions {
  /** How many processes are to serve, 1 to 1024. Default: as many as `os.availableParallelism()` tells. */
  processes?: number;
}

/** What `forkServiceLoop` gives, and so which process this is. */
export interface ForkedServiceLoop {
  /** True in a child, whose context has ended by now; false in the process that called first. */
  readonly isChild: boolean;
  /** Which of the children this is, from 0; one that takes the place of another has its number. -1 in the parent. */
  readonly place: number;
  /** Of the parent: the ids of its children as they are at this moment. Empty in a child. */
  readonly pids: readonly number[];
}
