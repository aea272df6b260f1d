#!/usr/bin/env node
import { CallbackReason, type CloseInfo, type Protocol, type Wsi } from "sluice";
import { clientProgram, type Destination, Ending } from "./client-program.ts";
import { Chains, Checker } from "./fraggle-chains.ts";
import { type FraggleOptions, HELP, parseOptions } from "./fraggle-options.ts";
import { EXIT, runIfMain, type Terminal } from "./program.ts";
import { count, ended, runClient, runServer, size } from "./two-ended.ts";

const NAME = "fraggle-protocol";
/** The close code by which a client tells the server that a sum was wrong. */
const WRONG_SUMS = 4000;
/** Bytes to send in one turn of the loop, if nothing waits: others want their turn too. */
const BURST = 65_536;
const PROGRESS_MS = 1000;

/** Fraggle: sends fragments, or adds up what it gets. */
export const main = clientProgram("sluice-fraggle", HELP, parseOptions, (options, terminal) => {
  const { destination } = options.ends;
  return destination === undefined ? serve(options, terminal) : check(destination, options, terminal);
});

// ── The server ───────────────────────────────────────────────────────────────────────────────────────────────

/** What one client was sent. */
interface Sender {
  readonly chains: Chains;
  messages: number;
  bytes: number;
}

async function serve(options: FraggleOptions, terminal: Terminal): Promise<number> {
  const totals = { clients: 0, messages: 0, bytes: 0, complaints: 0 };
  const left = (wsi: Wsi<Sender>, { messages, bytes }: Sender, how: string, complains: boolean) => {
    totals.clients++;
    totals.messages += messages;
    totals.bytes += bytes;
    if (complains) totals.complaints++;
    terminal.out(
      `${wsi.remoteAddress}:${wsi.remotePort}: ${count(messages, "message")}, ${size(bytes)}, ${how}`,
    );
  };
  terminal.out(`Seed ${options.seed}`);
  await runServer(options.ends, { protocols: [sender(options, left)] }, terminal);
  const { clients, messages, bytes, complaints } = totals;
  terminal.out(
    `${count(messages, "message")} in fragments, ${size(bytes)}, to ${count(clients, "client")}. ` +
      (complaints === 0 ? "None complained." : `WRONG SUMS at ${count(complaints, "client")}.`),
  );
  return complaints === 0 ? EXIT.ok : EXIT.failed;
}

type Left = (wsi: Wsi<Sender>, sender: Sender, how: string, complains: boolean) => void;

function sender({ limits, seed, count: most }: FraggleOptions, left: Left): Protocol<Sender> {
  return {
    name: NAME,
    perSessionData: () => ({ chains: new Chains(limits, seed), messages: 0, bytes: 0 }),
    callback(wsi, reason, user, input) {
      switch (reason) {
        case CallbackReason.ESTABLISHED:
          wsi.callbackOnWritable();
          break;

        case CallbackReason.SERVER_WRITEABLE:
          send(wsi, user, most);
          break;

        case CallbackReason.CLOSED:
          left(wsi, user, ended(input), input.code === WRONG_SUMS);
          break;
      }
    },
  };
}

/** Sends until the client has enough to read, and goes on when it has read. */
function send(wsi: Wsi<Sender>, user: Sender, most: number): void {
  let burst = 0;
  do {
    const { data, mode, sum } = user.chains.next();
    if (wsi.write(data, mode) < 0) return;
    burst += data.length;
    if (sum) user.messages++;
    else user.bytes += data.length;
    if (sum && user.messages === most) return wsi.close(1000, "that is all");
  } while (burst < BURST && !wsi.sendPipeChoked());
  wsi.callbackOnWritable();
}

// ── The client ───────────────────────────────────────────────────────────────────────────────────────────────

/** A client's run: what it has added up, and how it ended. */
interface Run {
  readonly target: Destination;
  /** Messages to check; 0 for no end. */
  readonly most: number;
  readonly checker: Checker;
  readonly ending: Ending;
  closed?: CloseInfo;
}

async function check(
  target: Destination,
  { ends: { eventLoop }, count: most }: FraggleOptions,
  terminal: Terminal,
): Promise<number> {
  const run: Run = { target, most, checker: new Checker(), ending: new Ending() };
  const options = { protocols: [receiver(run, terminal)], eventLoop };
  await runClient(target, options, { protocol: NAME }, run.ending, terminal);
  const enough = terminal.signal.aborted || isEnough(run);
  if (!enough && run.closed) terminal.error(`sluice-fraggle: the server ${ended(run.closed)}`);
  terminal.out(verdict(run.checker, enough));
  return enough && run.checker.wrong === 0 ? EXIT.ok : EXIT.failed;
}

function isEnough({ most, checker, closed }: Run): boolean {
  return most > 0 ? checker.messages >= most : closed?.wasClean === true;
}

function receiver(run: Run, terminal: Terminal): Protocol {
  const { checker, ending, most, target } = run;
  return {
    name: NAME,
    // What is added up piece by piece costs nothing, whatever its length.
    maxMessageSize: Number.MAX_SAFE_INTEGER,
    callback(wsi, reason, _user, input) {
      switch (reason) {
        case CallbackReason.CLIENT_ESTABLISHED:
          wsi.setTimer(PROGRESS_MS);
          break;

        case CallbackReason.CLIENT_RECEIVE: {
          const ends = { frame: wsi.remainingPacketPayload() === 0, message: wsi.isFinalFragment() };
          const problem = checker.take(input, wsi.frameIsBinary(), ends);
          if (problem !== undefined) terminal.error(`sluice-fraggle: ${problem}`);
          return most > 0 && checker.messages === most ? close(wsi, checker) : 0;
        }

        case CallbackReason.TIMER:
          terminal.out(progress(checker));
          wsi.setTimer(PROGRESS_MS);
          break;

        case CallbackReason.CLIENT_CONNECTION_ERROR:
          ending.noConnection(wsi.context, target, input);
          break;

        case CallbackReason.CLIENT_CLOSED:
          run.closed = input;
          ending.end(wsi.context);
          break;
      }
      return 0;
    },
  };
}

/** After this no more of the server's messages are told. */
function close(wsi: Wsi, { wrong }: Checker): number {
  if (wrong === 0) wsi.closeReason(1000, "all sums were right");
  else wsi.closeReason(WRONG_SUMS, count(wrong, "wrong sum"));
  return -1;
}

function progress({ messages, fragments, bytes, wrong }: Checker): string {
  return `${count(messages, "message")}, ${count(fragments, "fragment")}, ${size(bytes)}, ${wrong} wrong`;
}

function verdict(checker: Checker, enough: boolean): string {
  const sums =
    checker.wrong === 0 ? "All sums were right." : `WRONG: ${checker.wrong} of ${checker.messages} sums.`;
  return `${progress(checker)}. ${sums}${enough ? "" : " It ended too early."}`;
}

runIfMain(import.meta.url, main);
