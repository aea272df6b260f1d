import { isMainThread } from "node:worker_threads";
import type { Context, ContextOptions, SslOptions } from "./api.ts";
import { codedError } from "./base/errors.ts";
import { Certificates } from "./engine/certificates.ts";
import { ServiceContext } from "./engine/context.ts";
import { resolveOptions, type Settings } from "./engine/options.ts";
import { loadPlugins } from "./engine/plugins.ts";
import { type ContextForking, newForking } from "./fork/forking.ts";
import { createEpollLoop } from "./loop/epoll/epoll.ts";
import { loadServerTls } from "./loop/identity.ts";
import type { ListenOptions, Loop } from "./loop/loop.ts";
import { createNodeLoop } from "./loop/node.ts";

/**
 * Makes a context: binds and listens, loads plugins, gives every protocol its PROTOCOL_INIT. Nothing is served before
 * `run`, `service` or `serviceSync` is called (`lws_create_context`).
 *
 * @throws TypeError (as a rejection) that names an option which is wrong; the system's error, with its `code`, when it
 *   cannot listen; an Error that names the plugin or the protocol which fails the start. Nothing is left open then.
 */
export async function createContext(options: ContextOptions): Promise<Context> {
  const forking = newForking();
  try {
    return await makeContext(options, forking);
  } catch (error) {
    forking.failed(error);
    throw error;
  }
}

async function makeContext(options: ContextOptions, forking: ContextForking): Promise<Context> {
  const settings = forking.adapt(resolveOptions(options));
  const protocols = [...settings.protocols, ...(await loadPlugins(settings.plugins))];
  const context = openContext(settings, protocols, forking);
  try {
    const certificates = openCertificates(settings, await forking.ssl(settings.ssl));
    const listening = await listenOptions(settings, certificates);
    if (listening !== null) await context.listen({ ...listening, fd: forking.fd }, certificates);
    // A child of a parent that has dropped them has none to drop.
    if (!forking.isForked || process.geteuid?.() === 0) dropPrivileges(settings);
    await context.initialise();
  } catch (error) {
    await context.destroy();
    throw error;
  }
  settings.logger.info(startLine(context, settings));
  return context;
}

function openContext(
  settings: Settings,
  protocols: Settings["protocols"],
  forking: ContextForking,
): ServiceContext {
  const loop = chooseLoop(settings);
  try {
    const context = new ServiceContext(settings, protocols, loop, forking);
    forking.made(context);
    return context;
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
  // The epoll loop lives in the loop of the main thread.
  if (choice === "node" || !isMainThread) return createNodeLoop(settings.logger);
  try {
    return createEpollLoop(settings.logger);
  } catch (error) {
    settings.logger.info(`the node loop serves, because epoll cannot: ${(error as Error).message}`);
    return createNodeLoop(settings.logger);
  }
}

/** What to listen on; null for a context without a listening socket. */
async function listenOptions(
  settings: Settings,
  certificates: Certificates | null,
): Promise<ListenOptions | null> {
  const { port, host, path, backlog, reusePort, timeouts } = settings;
  if (path === undefined && port === 0) return null;
  const options: ListenOptions = { backlog, reusePort, handshakeTimeout: timeouts.head };
  if (path !== undefined) options.path = path;
  else options.port = Math.max(port, 0);
  if (host !== undefined) options.host = host;
  if (certificates !== null) options.tls = await certificates.load();
  return options;
}

function openCertificates({ logger }: Settings, ssl: SslOptions | undefined): Certificates | null {
  if (ssl === undefined) return null;
  return new Certificates(ssl, (changed) => loadServerTls(changed, (text) => logger.warn(text)));
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
