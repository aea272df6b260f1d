import { isMainThread } from "node:worker_threads";
import type { Context, ContextOptions } from "./api.ts";
import { codedError } from "./base/errors.ts";
import { ServiceContext } from "./engine/context.ts";
import { resolveOptions, type Settings } from "./engine/options.ts";
import { loadPlugins } from "./engine/plugins.ts";
import { createEpollLoop } from "./loop/epoll/epoll.ts";
import type { ListenOptions, Loop } from "./loop/loop.ts";
import { createNodeLoop } from "./loop/node.ts";
import { readPem } from "./loop/pem.ts";

/**
 * Makes a context: binds and listens, loads plugins, gives every protocol its PROTOCOL_INIT. Nothing is served before
 * `run`, `service` or `serviceSync` is called (`lws_create_context`).
 *
 * @throws TypeError (as a rejection) that names an option which is wrong; the system's error, with its `code`, when it
 *   cannot listen; an Error that names the plugin or the protocol which fails the start. Nothing is left open then.
 */
export async function createContext(options: ContextOptions): Promise<Context> {
  const settings = resolveOptions(options);
  const protocols = [...settings.protocols, ...(await loadPlugins(settings.plugins))];
  const loop = chooseLoop(settings);
  const context = openContext(settings, protocols, loop);
  try {
    const listening = await listenOptions(settings);
    if (listening !== null) await context.listen(listening);
    dropPrivileges(settings);
    await context.initialise();
  } catch (error) {
    await context.destroy();
    throw error;
  }
  settings.logger.info(startLine(context, settings));
  return context;
}

function openContext(settings: Settings, protocols: Settings["protocols"], loop: Loop): ServiceContext {
  try {
    return new ServiceContext(settings, protocols, loop);
  } catch (error) {
    void loop.close();
    throw error;
  }
}

/** The environment goes before the option, so that a program can be tried on the other loop as it stands. */
function chooseLoop(settings: Settings): Loop {
  const choice = process.env["SLUICE_EVENT_LOOP"] || settings.eventLoop;
  if (!["auto", "epoll", "node"].includes(choice)) {
    throw new TypeError(`SLUICE_EVENT_LOOP: has to be "auto", "epoll" or "node", not "${choice}"`);
  }
  if (choice === "epoll") return createEpollLoop(settings.logger);
  // The epoll loop lives in the loop of the main thread, and TLS in Node's streams.
  if (choice === "node" || settings.ssl !== undefined || !isMainThread)
    return createNodeLoop(settings.logger);
  try {
    return createEpollLoop(settings.logger);
  } catch (error) {
    settings.logger.info(`the node loop serves, because epoll cannot: ${(error as Error).message}`);
    return createNodeLoop(settings.logger);
  }
}

/** What to listen on; null for a context without a listening socket. */
async function listenOptions(settings: Settings): Promise<ListenOptions | null> {
  const { port, host, path, backlog, reusePort, ssl, timeouts } = settings;
  if (path === undefined && port === 0) return null;
  const options: ListenOptions = { backlog, reusePort, handshakeTimeout: timeouts.head };
  if (path !== undefined) options.path = path;
  else options.port = Math.max(port, 0);
  if (host !== undefined) options.host = host;
  if (ssl !== undefined)
    options.tls = { cert: await readPem(ssl.cert, "cert"), key: await readPem(ssl.key, "key") };
  return options;
}

/** Group first: afterwards the right to change it is gone. */
function dropPrivileges({ gid, uid }: Settings): void {
  if (gid === undefined && uid === undefined) return;
  if (process.setgid === undefined || process.setuid === undefined || process.setgroups === undefined) {
    throw codedError("ENOTSUP", "gid and uid: this system has no such identities");
  }
  if (gid !== undefined) {
    process.setgroups([gid]);
    process.setgid(gid);
  }
  if (uid !== undefined) process.setuid(uid);
}

function startLine(context: Context, { path, host, port, ssl }: Settings): string {
  const names = context.protocols.map(({ name }) => name).join(", ");
  const scheme = ssl === undefined ? "http" : "https";
  const where = path ?? (port === 0 ? "nothing" : `${scheme}://${host ?? "*"}:${context.port}`);
  return `listening on ${where}, ${context.eventLoop} loop, protocols: ${names}`;
}
