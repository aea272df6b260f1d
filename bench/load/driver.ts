import { setTimeout as delay } from "node:timers/promises";
import { createEpollLoop } from "../../lib/loop/epoll/epoll.ts";
import type { Loop } from "../../lib/loop/loop.ts";
import { createNodeLoop } from "../../lib/loop/node.ts";

/** How long a turn may wait, and so how late a condition may be seen to hold. */
const STEP_MS = 10;

/** A loop and who turns it. */
export interface Driver {
  readonly loop: Loop;
  /** Turns until the condition holds. */
  until(condition: () => boolean): Promise<void>;
}

/** @param name - `auto` takes epoll where it can run, so that the generator is not what is measured. */
export function createDriver(name: "auto" | "epoll" | "node"): Driver {
  if (name === "node") return nodeDriver();
  try {
    return epollDriver();
  } catch (error) {
    if (name === "epoll") throw error;
    return nodeDriver();
  }
}

/** Has the thread to itself: blocks in the loop's own wait. */
function epollDriver(): Driver {
  const loop = createEpollLoop();
  return {
    loop,
    until: async (condition) => {
      while (!condition()) loop.serviceSync(STEP_MS);
    },
  };
}

function nodeDriver(): Driver {
  const loop = createNodeLoop();
  void loop.run();
  return {
    loop,
    until: async (condition) => {
      while (!condition()) await delay(STEP_MS);
    },
  };
}
