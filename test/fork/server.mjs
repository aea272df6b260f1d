/* A program that forks its service loop. Its argument is JSON: options of the context, and what is named below. */
import { readdirSync, readlinkSync } from "node:fs";
import { createInterface } from "node:readline";

const inChild = process.env.SLUICE_FORKED !== undefined;
const { createContext, CallbackReason, WriteProtocol } = await import(`${process.env.LIB}/index.js`);
const { processes, crash, second, folder, ...options } = JSON.parse(process.argv[2]);

const room = {
  name: "room",
  wholeMessages: true,
  callback(wsi, reason, _user, input) {
    if (reason === CallbackReason.RECEIVE) told(wsi, String(input));
    if (reason === CallbackReason.BROADCAST) wsi.write(input, WriteProtocol.TEXT);
  },
};

/** What a peer may ask for. */
function told(wsi, text) {
  const [verb, rest] = text.split(/ (.*)/);
  if (verb === "pid") wsi.write(`${process.pid}`, WriteProtocol.TEXT);
  if (verb === "say") wsi.context.broadcast("room", rest);
  if (verb === "die") process.kill(process.pid, "SIGKILL");
  if (verb === "block") for (;;);
  // What is named by a relative path is out of reach from here.
  if (verb === "wander") process.chdir(import.meta.dirname);
  if (verb === "destroy") void wsi.context.destroy();
}

const lines = (level) => (text) => console.log(`${level}: ${text}`);
const logger = { error: lines("error"), warn: lines("warn"), info: lines("info"), debug: () => {} };
if (inChild && crash === "throw") throw new Error("this program has no luck");
if (inChild && crash === "wait") {
  console.log("waiting");
  await new Promise((resolve) => setTimeout(resolve, 60_000));
}
if (inChild && (crash === "silent" || process.env.BROKEN)) process.exit(3);

const extra = second && (await createContext({ ...options, ...second, protocols: [room], logger }));
const context = await createContext({ ...options, protocols: [room], logger });
if (extra) await extra.forkServiceLoop({ processes });
if (folder) process.chdir(folder);
if (!inChild && crash === "wait")
  process.once("SIGINT", () => context.destroy().then(() => console.log("destroyed")));
const fork = await context.forkServiceLoop({ processes }).catch((error) => {
  console.log(`refused: ${error.code} ${error.message}`);
  return context.destroy().then(() => process.exit(0));
});
if (fork.isChild) console.log(`child ${fork.place} is done`);
else parent();

/** The sockets of this process, beside standard input and output. */
function sockets() {
  const targets = readdirSync("/proc/self/fd").map((fd) => {
    try {
      return fd > 2 ? readlinkSync(`/proc/self/fd/${fd}`) : "";
    } catch {
      return "";
    }
  });
  return targets.filter((target) => target.startsWith("socket:"));
}

function parent() {
  const input = createInterface({ input: process.stdin });
  input.on("line", async (line) => {
    const [verb, rest] = line.split(/ (.*)/);
    if (verb === "pids") console.log(JSON.stringify(fork.pids));
    if (verb === "ports") console.log(JSON.stringify([context.port, extra?.port]));
    if (verb === "say") {
      context.broadcast(room, rest);
      console.log("said");
    }
    if (verb === "renew") {
      const how = await context.setSecureContext(JSON.parse(rest)).then(
        () => "renewed",
        (error) => `not renewed: ${error.code} ${error.message}`,
      );
      console.log(how);
    }
    if (verb === "stats") console.log(JSON.stringify(context.busStats));
    // Children that are started from now on end at once.
    if (verb === "break") {
      process.env.BROKEN = "1";
      console.log("broken");
    }
    if (verb === "destroy") {
      await extra?.destroy();
      await context.destroy();
      input.close();
      process.stdin.destroy();
      console.log(`left: ${sockets()}`);
      console.log("destroyed");
    }
  });
  console.log(`ready on ${context.port}`);
}
