import { execFile, execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const out = `${root}node_modules/.cache/sluice-epoll-test-${process.pid}`;
let built = false;

/** Compiles the library for processes that vitest does not transform. */
export function build(): void {
  if (built) return;
  const tsc = `${root}node_modules/typescript/bin/tsc`;
  try {
    execFileSync(process.execPath, [tsc, "-p", `${root}tsconfig.build.json`, "--outDir", out]);
  } catch {
    // A type error elsewhere is for the type check to tell; the JavaScript is there.
  }
  built = true;
}

/** The directory of the compiled library, for a test file to remove when it is done. */
export const childBuild = out;

/**
 * Runs a script as a process of its own, and gives what it printed. `createEpollLoop` is there already; `shell` comes
 * before the command (`ulimit -n 64;`). Rejects when the process fails or is not over in time.
 */
export async function runChild(script: string, shell = "", nodeFlags = ""): Promise<string> {
  build();
  const head = `import { createEpollLoop } from "${out}/lib/loop/epoll/epoll.js";\n`;
  const command = `${shell} exec "${process.execPath}" ${nodeFlags} --input-type=module -e "$SCRIPT"`;
  const env = { ...process.env, SCRIPT: head + script, LIB: `${out}/lib` };
  const { stdout } = await promisify(execFile)("sh", ["-c", command], { env, timeout: 12_000, cwd: root });
  return stdout.trim();
}

/** A script's beginning: the node executable does without one of the functions that it carries. */
export const withoutFunction = (name: string) => `
  import Module, { createRequire } from "node:module";
  const koffi = createRequire(process.env.LIB + "/x.js")("koffi");
  const load = Module._load;
  const without = { ...koffi, load: (...args) => {
    const library = koffi.load(...args);
    return { func: (...what) => {
      if (String(what[0]).includes("${name}")) throw new Error("no such function");
      return library.func(...what);
    } };
  } };
  Module._load = (name, ...rest) => (name === "koffi" ? without : load(name, ...rest));
  const lines = [];
  const logger = { error() {}, warn() {}, debug() {}, info: (line) => lines.push(line) };`;
