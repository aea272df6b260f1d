#!/usr/bin/env node
import {
  CallbackReason,
  type CloseInfo,
  createContext,
  NO_LISTEN,
  type Protocol,
  permessageDeflate,
  WriteProtocol,
  type Wsi,
} from "sluice";
import { circleCommand } from "./circles.ts";
import { type ClientOptions, HELP, parseClientOptions } from "./client-options.ts";
import { clientProgram, Ending, open, printable } from "./client-program.ts";
import { EXIT, runIfMain, type Terminal } from "./program.ts";

/** The test client: prints numbers and draws circles until the server closes, the count is reached, or ^C. */
export const main = clientProgram("sluice-test-client", HELP, parseClientOptions, run);

async function run(options: ClientOptions, terminal: Terminal): Promise<number> {
  const ending = new Ending();
  const context = await createContext({
    port: NO_LISTEN,
    protocols: [increment(options, terminal, ending), mirror(options, terminal, ending)],
    extensions: options.deflate ? [permessageDeflate()] : [],
    eventLoop: options.eventLoop,
    timeouts: { close: 1000, drain: 1000 },
  });
  try {
    for (const { name } of context.protocols) open(context, options.destination, { protocol: name });
  } catch (error) {
    await context.destroy();
    throw error;
  }
  await ending.wait(context, terminal);
  return EXIT.ok;
}

/** Prints each number. */
function increment(options: ClientOptions, terminal: Terminal, ending: Ending): Protocol {
  let received = 0;
  return {
    name: "dumb-increment-protocol",
    wholeMessages: true,
    maxMessageSize: 1024,
    callback(wsi, reason, _user, input) {
      switch (reason) {
        case CallbackReason.CLIENT_CONNECTION_ERROR:
          ending.noConnection(wsi.context, options.destination, input);
          break;

        case CallbackReason.CLIENT_RECEIVE:
          if (ending.over) break;
          terminal.out(printable(input.toString()));
          received += 1;
          if (received === options.count) ending.end(wsi.context);
          break;

        case CallbackReason.CLIENT_CLOSED:
          closedByServer(wsi, input, terminal, ending);
          break;
      }
    },
  };
}

/** A visit to the mirror. */
interface Visit {
  circlesLeft: number;
}

/** Draws circles, and now and then leaves the mirror and comes back, so that the server sees it all. */
function mirror(options: ClientOptions, terminal: Terminal, ending: Ending): Protocol<Visit> {
  return {
    name: "lws-mirror-protocol",
    perSessionData: () => ({ circlesLeft: options.longLived ? Infinity : visitLength(Math.random) }),
    callback(wsi, reason, user, input) {
      switch (reason) {
        case CallbackReason.CLIENT_CONNECTION_ERROR:
          ending.noConnection(wsi.context, options.destination, input);
          break;

        case CallbackReason.CLIENT_ESTABLISHED:
        case CallbackReason.TIMER:
          wsi.callbackOnWritable();
          break;

        case CallbackReason.CLIENT_WRITEABLE:
          if (user.circlesLeft === 0) {
            wsi.closeReason(1001, "going away");
            return -1;
          }
          user.circlesLeft -= 1;
          wsi.write(circleCommand(Math.random), WriteProtocol.TEXT);
          if (options.rate === Infinity) wsi.callbackOnWritable();
          else wsi.setTimer(Math.ceil(1000 / options.rate));
          break;

        case CallbackReason.CLIENT_CLOSED:
          if (user.circlesLeft > 0) closedByServer(wsi, input, terminal, ending);
          else if (!ending.over) open(wsi.context, options.destination, { protocol: "lws-mirror-protocol" });
          break;
      }
      return 0;
    },
  };
}

/** Circles to draw in one visit, 10 to 1033 as in the original. */
export function visitLength(random: () => number): number {
  return 10 + Math.floor(random() * 1024);
}

/** An end as any other when the server said so; a failure when the connection broke. */
function closedByServer(wsi: Wsi, info: CloseInfo, terminal: Terminal, ending: Ending): void {
  if (ending.over) return;
  const text = printable(`${info.code} ${info.reason}`.trimEnd());
  if (info.wasClean)
    terminal.error(`sluice-test-client: the server closed ${wsi.getProtocol().name}: ${text}`);
  ending.end(wsi.context, info.wasClean ? undefined : new Error(`the connection broke: ${text}`));
}

runIfMain(import.meta.url, main);
