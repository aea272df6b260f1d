#!/usr/bin/env node
import { CallbackReason, type ContextOptions, type Protocol, permessageDeflate, WriteProtocol } from "sluice";
import { clientProgram, type Destination, Ending } from "./client-program.ts";
import { type EchoOptions, HELP, parseOptions } from "./echo-options.ts";
import { largest, Player } from "./echo-player.ts";
import { EXIT, runIfMain, type Terminal } from "./program.ts";
import { count, ended, runClient, runServer, size } from "./two-ended.ts";

/** What may wait for a peer that does not read, at least; as a context has it by itself. */
const MIN_BUFFERED = 16_777_216;

/** Echo: sends back what it gets, or plays messages and compares what it gets back. */
export const main = clientProgram("sluice-echo", HELP, parseOptions, (options, terminal) => {
  const { destination } = options.ends;
  return destination === undefined ? serve(options, terminal) : play(destination, options, terminal);
});

async function serve(options: EchoOptions, terminal: Terminal): Promise<number> {
  const totals = { clients: 0, messages: 0, bytes: 0 };
  const { maxMessage } = options;
  await runServer(options.ends, contextOptions(options, echoOf(maxMessage, totals), maxMessage), terminal);
  terminal.out(
    `${count(totals.messages, "echo", "es")}, ${size(totals.bytes)}, to ${count(totals.clients, "client")}.`,
  );
  return EXIT.ok;
}

/** Whole messages, as conformance suites send them: what is not UTF-8, or too long, has no echo at all. */
function echoOf(
  maxMessageSize: number,
  totals: { clients: number; messages: number; bytes: number },
): Protocol {
  return {
    name: "echo",
    wholeMessages: true,
    maxMessageSize,
    callback(wsi, reason, _user, input) {
      switch (reason) {
        case CallbackReason.ESTABLISHED:
          totals.clients++;
          break;

        case CallbackReason.RECEIVE:
          totals.messages++;
          totals.bytes += input.length;
          wsi.write(input, wsi.frameIsBinary() ? WriteProtocol.BINARY : WriteProtocol.TEXT);
          // Who does not read is not listened to either.
          if (wsi.sendPipeChoked()) {
            wsi.rxFlowControl(false);
            wsi.callbackOnWritable();
          }
          break;

        case CallbackReason.SERVER_WRITEABLE:
          wsi.rxFlowControl(true);
          break;
      }
    },
  };
}

async function play(target: Destination, options: EchoOptions, terminal: Terminal): Promise<number> {
  const ending = new Ending();
  const player = new Player(options.play, {
    progress: (line) => terminal.out(line),
    wrong: (line) => terminal.error(`sluice-echo: ${line}`),
  });
  const context = contextOptions(options, player.protocol(target, ending), largest(options.play.sizes));
  await runClient(target, context, {}, ending, terminal);
  const complete = player.complete || terminal.signal.aborted;
  if (!complete && player.closed) terminal.error(`sluice-echo: the server ${ended(player.closed)}`);
  terminal.out(player.verdict());
  return complete && player.wrong === 0 ? EXIT.ok : EXIT.failed;
}

function contextOptions(
  { ends: { eventLoop }, deflate }: EchoOptions,
  protocol: Protocol,
  largestMessage: number,
): ContextOptions {
  return {
    protocols: [protocol],
    eventLoop,
    maxBufferedBytes: Math.max(MIN_BUFFERED, 2 * largestMessage),
    ...(deflate && { extensions: [permessageDeflate(deflate)] }),
  };
}

runIfMain(import.meta.url, main);
