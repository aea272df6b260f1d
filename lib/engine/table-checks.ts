import type { Settings } from "./options.ts";
import type { ProtocolTable } from "./protocols.ts";

/** @throws TypeError when an option names a protocol that is not in the table. */
export function checkNamedProtocols(settings: Settings, table: ProtocolTable): void {
  naming("defaultProtocol", () => settings.defaultProtocol(table));
  for (const [index, { protocol }] of settings.mounts.entries()) {
    if (protocol !== undefined) naming(`mounts[${index}].protocol`, () => table.find(protocol));
  }
}

function naming(option: string, find: () => unknown): void {
  try {
    find();
  } catch (error) {
    throw new TypeError(`${option}: ${(error as Error).message}`);
  }
}
