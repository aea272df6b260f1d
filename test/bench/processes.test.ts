import { expect, test } from "vitest";
import { errorLine, freePort, LineProcess, startServer } from "../../bench/processes.ts";

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
