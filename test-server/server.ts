#!/usr/bin/env node
import {
  ANY_PORT,
  type Context,
  type ContextOptions,
  createContext,
  type Mount,
  type Protocol,
  SECURITY_HEADERS,
} from "sluice";
import { dumbIncrement, echo, lwsMirror, lwsStatus } from "sluice/protocols";
import { httpOnly, httpOnlyMounts } from "./http-only.ts";
import { HELP, parseOptions, type ServerOptions } from "./options.ts";
import { EXIT, runIfMain, type Terminal, UsageError } from "./program.ts";
import { MAX_UPLOAD } from "./uploads.ts";

/** The test server: serves until the terminal's signal, then lets every session close. */
export async function main(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    const options = parseOptions(args);
    if (options === "help") {
      terminal.out(HELP);
      return EXIT.ok;
    }
    const context = await createContext(contextOptions(options, terminal));
    await serve(context, options, terminal);
    return EXIT.ok;
  } catch (error) {
    terminal.error(`sluice-test-server: ${explain(error)}`);
    return error instanceof UsageError ? EXIT.usage : EXIT.failed;
  }
}

async function serve(context: Context, options: ServerOptions, { out, signal }: Terminal): Promise<void> {
  // A child, which never gets beyond forkServiceLoop, leaves the talking to its parent.
  let speaks = false;
  const stop = () => {
    if (speaks) out("Closing the sessions.");
    void context.destroy();
  };
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });
  const { processes } = options;
  const isChild = processes > 0 && !signal.aborted && (await context.forkServiceLoop({ processes })).isChild;
  if (!isChild) {
    speaks = true;
    out(welcome(context, options));
    await context.run();
  }
  await context.destroy();
}

function contextOptions(options: ServerOptions, { out }: Terminal): ContextOptions {
  return {
    port: options.port === 0 ? ANY_PORT : options.port,
    host: options.host,
    protocols: protocols(options),
    plugins: options.plugins,
    mounts: [files(options), ...httpOnlyMounts],
    eventLoop: options.eventLoop,
    maxBodyBytes: MAX_UPLOAD,
    // Pages in a folder of the user's may have scripts in themselves, or from elsewhere, which these would stop.
    securityHeaders: options.testPage && pageHeaders(),
    ...(options.ssl && { ssl: options.ssl }),
    ...(options.bus && { bus: options.bus }),
    ...(options.accessLog && { accessLog: { stream: { write: (lines) => out(lines.trimEnd()) } } }),
  };
}

/** For development: a browser asks each time, and gets 304 for what has not changed. */
function files({ root, listing }: ServerOptions): Mount {
  return { mountpoint: "/", origin: root, listing, cacheControl: "no-cache" };
}

/** Without the header by which a browser would take every port of "localhost" for one that speaks TLS, for a year. */
function pageHeaders(): Readonly<Record<string, string>> {
  const { "Strict-Transport-Security": _, ...headers } = SECURITY_HEADERS;
  return headers;
}

function protocols({ closeTest }: ServerOptions): Protocol[] {
  const increment = closeTest ? { ...dumbIncrement, options: { closeAfter: 50 } } : dumbIncrement;
  return [httpOnly(), increment, lwsMirror, lwsStatus, echo];
}

function welcome(context: Context, { host, ssl, processes }: ServerOptions): string {
  const authority = `${host.includes(":") ? `[${host}]` : host}:${context.port}`;
  return [
    `Listening on ${authority}`,
    `  event loop  ${context.eventLoop}${processes > 0 ? `, in ${counted(processes)}` : ""}`,
    `  protocols   ${context.protocols.map(({ name }) => name).join(", ")}`,
    `  open        ${ssl ? "https" : "http"}://${authority}/`,
    "^C ends it.",
  ].join("\n");
}

const counted = (processes: number) => `${processes} ${processes === 1 ? "process" : "processes"}`;

/** What went wrong, in words that tell what to do about it. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? error.code : undefined;
  if (code === "EADDRINUSE") return `the port is taken: ${error.message}. Choose another one with --port.`;
  if (code === "EACCES") return `not allowed: ${error.message}. Ports below 1024 often need privileges.`;
  return error.message;
}

runIfMain(import.meta.url, main);
