import type { Context, ContextOptions } from "./api.ts";

export async function createContext(_options: ContextOptions): Promise<Context> {
  throw new Error("being written");
}
