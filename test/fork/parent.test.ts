import { expect, it } from "vitest";
import { inspectorPort, processesOf } from "../../lib/fork/parent.ts";
import { ANY_PORT, createContext, type ForkOptions } from "../../lib/index.ts";

it("takes as many processes as the machine can run at a time, unless told otherwise", () => {
  expect(processesOf({})).toBeGreaterThan(0);
  expect(processesOf({ processes: 7 })).toBe(7);
});

it.each([
  [{ processes: 0 }, "processes: has to be a whole number from 1 to 1024, not 0"],
  [{ processes: 1025 }, "processes: has to be a whole number from 1 to 1024, not 1025"],
  [{ processes: 1.5 }, "processes: has to be a whole number from 1 to 1024, not 1.5"],
  [{ processes: "2" }, "processes: has to be a whole number from 1 to 1024, not 2"],
  [{ children: 2 }, "forkServiceLoop: there is no option children"],
  [null, "forkServiceLoop takes an object of options"],
])("refuses %j", async (options, text) => {
  const context = await createContext({ port: ANY_PORT, host: "127.0.0.1" });
  await expect(context.forkServiceLoop(options as ForkOptions)).rejects.toThrow(new TypeError(text));
  await context.destroy();
});

it("refuses a context that does not listen", async () => {
  const context = await createContext({});
  const refused = context.forkServiceLoop({ processes: 1 });
  await expect(refused).rejects.toMatchObject({
    code: "EINVAL",
    message: "forkServiceLoop: the context does not listen",
  });
  await context.destroy();
});

it("gives each child that is debugged a port of its own", () => {
  expect(inspectorPort("", ["--enable-source-maps"])).toEqual([]);
  expect(inspectorPort("", ["--inspect=9229"])).toEqual(["--inspect-port=0"]);
  expect(inspectorPort("--inspect-brk", [])).toEqual(["--inspect-port=0"]);
});
