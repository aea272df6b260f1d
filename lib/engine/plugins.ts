import { isAbsolute, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { PluginSpec } from "../api/options.ts";
import type { Protocol } from "../api/protocol.ts";
import { describeError } from "../base/log.ts";
import { checkProtocol } from "./protocols.ts";

type Factory = (options: unknown) => Protocol | readonly Protocol[];

/**
 * Loads plugins: modules whose default export is a protocol, a list of them, or a function from options to either. The
 * options stand in `options` of each protocol, for PROTOCOL_INIT.
 *
 * @throws Error that names the plugin, when it cannot be loaded or is none.
 */
export async function loadPlugins(specs: readonly PluginSpec[]): Promise<Protocol[]> {
  const loaded: Protocol[] = [];
  for (const spec of specs) {
    const { module, options } = typeof spec === "string" ? { module: spec, options: undefined } : spec;
    loaded.push(...(await loadPlugin(module, options)));
  }
  return loaded;
}

async function loadPlugin(module: string, options: unknown): Promise<Protocol[]> {
  try {
    const { default: exported } = (await import(moduleUrl(module))) as { default?: unknown };
    if (exported === undefined) throw new TypeError("it has no default export");
    const made = typeof exported === "function" ? (exported as Factory)(options) : exported;
    const protocols = (Array.isArray(made) ? made : [made]) as Protocol[];
    for (const [index, protocol] of protocols.entries()) checkProtocol(protocol, index);
    return options === undefined ? protocols : protocols.map((protocol) => withOptions(protocol, options));
  } catch (error) {
    const why = error instanceof Error ? error.message : describeError(error);
    throw new Error(`plugin "${module}": ${why}`, { cause: error });
  }
}

/** A copy, because the plugin's own object may serve another context with other options. */
function withOptions(protocol: Protocol, options: unknown): Protocol {
  return Object.assign(Object.create(Object.getPrototypeOf(protocol)), protocol, { options });
}

/** Paths are relative to the working directory, as a user of a command line expects; anything else is a package. */
function moduleUrl(module: string): string {
  const isPath = module.startsWith("./") || module.startsWith("../") || isAbsolute(module);
  return isPath ? pathToFileURL(resolve(module)).href : module;
}
