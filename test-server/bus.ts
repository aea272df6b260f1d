import { type Bus, natsBus, redisBus } from "sluice";
import { UsageError } from "./program.ts";

/** The bus that an address names, several servers of NATS separated by commas; a UsageError for any other address. */
export function busOf(address: string): Bus {
  try {
    if (/^rediss?:\/\//.test(address)) return redisBus({ url: address });
    if (/^nats:\/\//.test(address)) return natsBus({ servers: address.split(",") });
  } catch (error) {
    throw new UsageError(`--bus: ${(error as Error).message}`);
  }
  throw new UsageError(`--bus takes redis://HOST:PORT or nats://HOST:PORT, not '${address}'`);
}
