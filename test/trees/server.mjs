/* A program that forks its service loop, on a bus over a broker. Its argument is JSON, see tree.ts. */
import { createInterface } from "node:readline";

const { createContext, CallbackReason, natsBus, redisBus, WriteProtocol } = await import(
  `${process.env.LIB}/index.js`
);
const { broker, address, channel, processes, eventLoop } = JSON.parse(process.argv[2]);

/** What a peer may ask the process that serves it for. */
const ANSWERS = {
  pid: () => process.pid,
  stats: ({ context }) => JSON.stringify(context.busStats),
};

const room = {
  name: "room",
  wholeMessages: true,
  callback(wsi, reason, _user, input) {
    if (reason === CallbackReason.BROADCAST) wsi.write(input, WriteProtocol.TEXT);
    if (reason !== CallbackReason.RECEIVE) return;
    const [verb, rest] = String(input).split(/ (.*)/);
    if (verb === "say") wsi.context.broadcast(room, rest);
    else wsi.write(`${verb} ${ANSWERS[verb](wsi)}`, WriteProtocol.TEXT);
  },
};

const print = (text) => console.log(text);
const context = await createContext({
  port: -1,
  host: "127.0.0.1",
  eventLoop,
  protocols: [room],
  bus:
    broker === "redis"
      ? redisBus({ url: address, channel })
      : natsBus({ servers: address, subject: channel }),
  onBusState: (state) => print(`bus ${state} in ${process.pid}`),
  logger: { error: print, warn: print, info: print, debug() {} },
});
const fork = await context.forkServiceLoop({ processes });
if (!fork.isChild) parent();

function parent() {
  // Its broadcasts are told in turns, though it has no session to tell.
  void context.run();
  const verbs = {
    pids: () => print(`pids ${JSON.stringify(fork.pids)}`),
    stats: () => print(`stats ${JSON.stringify(context.busStats)}`),
    say: (text) => context.broadcast(room, text),
    destroy: () => context.destroy().then(() => input.close()),
  };
  const input = createInterface({ input: process.stdin });
  input.on("line", (line) => {
    const [verb, rest] = line.split(/ (.*)/);
    verbs[verb](rest);
  });
  input.once("close", () => process.stdin.destroy());
  print(`ready on ${context.port}`);
}
