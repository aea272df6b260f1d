import { writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { loadPlugins } from "../../lib/engine/plugins.ts";
import { temporaryFolder } from "../support/server.ts";

const folder = temporaryFolder();

/** Writes a module and gives its absolute path. */
function module(name: string, code: string): string {
  const file = join(folder, name);
  writeFileSync(file, code);
  return file;
}

const one = module("one.mjs", `export default { name: "one", callback() {} };`);
const list = module("list.mjs", `export default ["a", "b"].map((name) => ({ name, callback() {} }));`);
const made = module(
  "made.mjs",
  `export default (options) => ({ name: options?.name ?? "unnamed", callback() {}, options });`,
);
const maker = module(
  "class.mjs",
  `class Mine { name = "mine"; callback() { return this.options.answer; } }
   export default new Mine();`,
);

const names = async (...specs: Parameters<typeof loadPlugins>[0]) =>
  (await loadPlugins(specs)).map(({ name }) => name);

describe("a plugin", () => {
  it("may export a protocol, a list of them, or a function that makes either", async () => {
    expect(await names(one)).toEqual(["one"]);
    expect(await names(list)).toEqual(["a", "b"]);
    expect(await names(made)).toEqual(["unnamed"]);
    expect(await names({ module: made, options: { name: "named" } })).toEqual(["named"]);
  });

  it("stands in the order of the list", async () => {
    expect(await names(list, one)).toEqual(["a", "b", "one"]);
    expect(await names()).toEqual([]);
  });

  it("is found by an absolute path, one from the working directory, a URL, and a package's name", async () => {
    const path = relative(process.cwd(), one);
    expect(await names(path.startsWith(".") ? path : `./${path}`)).toEqual(["one"]);
    expect(await names(pathToFileURL(one).href)).toEqual(["one"]);
    // This package is found, and then found to be no protocol.
    await expect(loadPlugins(["mime-types"])).rejects.toThrow(/^plugin "mime-types": protocol/);
  });

  it("gets its options in each of its protocols, and an object of its own stays as it is", async () => {
    const options = { rooms: 3 };
    const loaded = await loadPlugins([{ module: list, options }, list]);
    expect(loaded.map((each) => each.options)).toEqual([options, options, undefined, undefined]);
  });

  it("may be of a class of its own", async () => {
    const [mine] = await loadPlugins([{ module: maker, options: { answer: 42 } }]);
    const callback = mine.callback as unknown as () => number;
    expect(callback.call(mine)).toBe(42);
  });
});

describe("a plugin that cannot be loaded", () => {
  const missing = join(folder, "missing.mjs");
  const broken = module("broken.mjs", `throw new Error("it broke");`);
  const empty = module("empty.mjs", "export const name = 1;");
  const refusing = module("refusing.mjs", `export default () => { throw new Error("not with these"); };`);

  it.each([
    ["is not there", missing, ""],
    ["is no package", "sluice-no-such-package", ""],
    ["throws", broken, "it broke"],
    ["has no default export", empty, "no default export"],
    ["does not like its options", refusing, "not with these"],
  ])("since it %s is named in an error with its cause", async (_how, file, why) => {
    const error = await loadPlugins([one, { module: file }]).then(
      () => undefined,
      (thrown: Error) => thrown,
    );
    expect(error?.message).toMatch(new RegExp(`^plugin ".*": .*${why}`));
    expect(error?.message).toContain(file);
    expect(error?.cause).toBeInstanceOf(Error);
  });
});
