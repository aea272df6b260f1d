import { expect, test } from "vitest";
import {
  errorLine,
  freePort,
  LineProcess,
  outputOf,
  startServer,
  startSilentServer,
} from "../../bench/processes.ts";

const node = (script: string) => [process.execPath, "-e", script];

test("a server that cannot start is told by the line that names its error", async () => {
  await expect(startServer(node('throw new RangeError("no such port")'))).rejects.toThrow(
    "RangeError: no such port",
  );
});

test("a program that does not exist is an error, not a crash", async () => {
  await expect(startServer(["/nonexistent/program"])).rejects.toThrow();
});

test("answers come line by line, and the process ends with its input", async () => {
  const child = new LineProcess(
    node(
      'console.log("hello"); process.stdin.on("data", (word) => console.log(JSON.stringify({ length: word.length })))',
    ),
    0,
  );
  expect(await child.line()).toBe("hello");
  expect(await child.ask("gc")).toEqual({ length: 3 });
  await child.stop();
  await expect(child.line()).rejects.toThrow("it ended without a word");
});

test("errorLine finds the error in a stack trace", () => {
  expect(errorLine("file:///a.js:1\n  throw x\n\nError: cannot run here\n    at b\n\nNode.js v20\n")).toBe(
    "Error: cannot run here",
  );
  expect(errorLine("error while loading shared libraries\n")).toBe("error while loading shared libraries");
  expect(errorLine("")).toBe("");
});

test("freePort gives a port", async () => {
  expect(await freePort()).toBeGreaterThan(0);
});

test("a server that says nothing is there when its port is, and ends with a signal", async () => {
  const port = await freePort();
  const server = await startSilentServer(node(`require("node:net").createServer().listen(${port})`), port);
  expect(server.running).toBe(true);
  await server.stop("SIGTERM");
  expect(server.running).toBe(false);
});

test("a server that says nothing and cannot start is told by what it complains of", async () => {
  const port = await freePort();
  await expect(startSilentServer(node('throw new Error("bad configuration")'), port)).rejects.toThrow(
    "Error: bad configuration",
  );
});

test("outputOf gives all that a program prints, and its complaint when it fails", async () => {
  expect(await outputOf(node('console.log("a\\nb")'), 0)).toBe("a\nb\n");
  await expect(outputOf(node('throw new Error("no")'), 0)).rejects.toThrow("Error: no");
  await expect(outputOf(node("process.exit(3)"), 0)).rejects.toThrow("ended with 3");
  await expect(outputOf(["/nonexistent/program"], 0)).rejects.toThrow();
});

test("outputOf interrupts a program that is to end early", async () => {
  const script = "trap 'echo sum; exit 0' INT; while :; do sleep 0.05; done";
  expect(await outputOf(["sh", "-c", script], 0, 500)).toBe("sum\n");
});
