import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { setImmediate as nextRound } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { WebSocket } from "ws";
import { freePort } from "../support/free-port.ts";

const run = promisify(execFile);
const example = (name: string) => fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));

it("mixed-protocols.js speaks HTTP, WebSocket and lines on one connection", async () => {
  const { stdout, stderr } = await run(process.execPath, [example("mixed-protocols.js")], {
    timeout: 10_000,
  });
  expect(stderr).toBe("");
  expect(stdout).toBe("HTTP: Mind the step.\nWebSocket: I am well, too\nlines: GOOD NIGHT\n");
});

it("countdown.js serves its page, and counts its visitors down", async () => {
  const [pagePort, socketPort] = [await freePort(), await freePort()];
  const args = [example("countdown.js"), String(pagePort), String(socketPort), "1"];
  const child = spawn(process.execPath, args, { stdio: "inherit" });
  try {
    const page = async () => (await fetch(`http://127.0.0.1:${pagePort}/`).catch(() => null))?.text();
    let text = await page();
    while (text === undefined) {
      expect(child.exitCode).toBe(null);
      await nextRound();
      text = await page();
    }
    expect(text).toContain(`:${socketPort}/`);
    const socket = new WebSocket(`ws://127.0.0.1:${socketPort}/`);
    const heard: string[] = [];
    socket.on("message", (data) => heard.push(String(data)));
    const [code, reason] = (await once(socket, "close")) as [number, Buffer];
    expect(heard).toEqual(["9", "8", "7", "6", "5", "4", "3", "2", "1", "0", "Boom!"]);
    expect([code, String(reason)]).toEqual([1000, "OK"]);
  } finally {
    child.kill();
    await once(child, "exit");
  }
});
