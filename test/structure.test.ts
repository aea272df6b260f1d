import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (file: string) => readFileSync(root + file, "utf8");

/** The files below a folder whose names end so, as paths from the root with slashes. */
function filesIn(folder: string, ends: RegExp): string[] {
  if (!existsSync(root + folder)) return [];
  return readdirSync(root + folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && ends.test(entry.name))
    .map((entry) => `${entry.parentPath.slice(root.length)}/${entry.name}`.replaceAll("\\", "/"))
    .filter((file) => !file.includes("node_modules/"))
    .sort();
}

const TYPESCRIPT = /(?<!\.d)\.ts$/;
const lib = filesIn("lib", TYPESCRIPT);
const protocols = filesIn("protocols", TYPESCRIPT);
const programs = filesIn("test-server", TYPESCRIPT);
const everything = [...lib, ...protocols, ...programs];

/** What a source file imports, types too, in whichever way; files as paths from the root, packages by name. */
function importsOf(file: string): string[] {
  const code = read(file).replaceAll(/^\s*(\/\/|\/?\*).*$/gm, "");
  const found = code.matchAll(/(?<![.\w])(?:from|import|require)\s*\(?\s*["'`]([^"'`\s]+)["'`]/g);
  return [...found].map(([, name]) =>
    name.startsWith(".") ? posix.normalize(`${dirname(file)}/${name}`) : name,
  );
}

const imports = new Map(everything.map((file) => [file, importsOf(file)]));

/**
 * The rooms of the house and what each may import of it: folders, or single files. A room may always import itself.
 * Imports point downwards only.
 */
const ROOMS: [room: string, mayImport: string[]][] = [
  ["lib/base/", []],
  ["lib/api/", ["lib/base/", "lib/bus/bus.ts", "lib/http/access-log.ts", "lib/ws/extension.ts"]],
  ["lib/api.ts", ["lib/api/", "lib/base/", "lib/ws/extension.ts", "lib/ws/permessage-deflate.ts"]],
  ["lib/http/", ["lib/base/"]],
  ["lib/ws/", ["lib/http/", "lib/base/"]],
  ["lib/serve/", ["lib/http/", "lib/base/"]],
  ["lib/loop/", ["lib/base/"]],
  ["lib/bus/", ["lib/base/"]],
  [
    "lib/engine/",
    [
      "lib/api/",
      "lib/http/",
      "lib/ws/",
      "lib/serve/",
      "lib/loop/loop.ts",
      "lib/bus/bus.ts",
      "lib/bus/envelope.ts",
      "lib/base/",
    ],
  ],
  ["lib/fork/", ["lib/api/", "lib/bus/", "lib/loop/loop.ts", "lib/base/"]],
  ["lib/stream/", ["lib/ws/", "lib/http/", "lib/base/"]],
  [
    "lib/create-context.ts",
    [
      "lib/engine/",
      "lib/loop/",
      "lib/fork/",
      "lib/bus/local.ts",
      "lib/bus/bus.ts",
      "lib/api.ts",
      "lib/api/",
      "lib/base/",
    ],
  ],
  // The door opens onto what is public, and holds nothing itself.
  ["lib/index.ts", ["lib/api.ts", "lib/api/", "lib/create-context.ts", "lib/bus/"]],
  ["protocols/", ["sluice"]],
  ["test-server/", ["sluice", "sluice/protocols", "sluice/stream"]],
];

const roomOf = (file: string) => ROOMS.find(([room]) => file.startsWith(room));
const isOurs = (name: string) => /^(lib|protocols|test-server|test|bench|sluice)(\/|$)/.test(name);

describe("imports", () => {
  it("are found in the sources", () => {
    expect(everything.length).toBeGreaterThan(50);
    expect(imports.get("lib/ws/session.ts")).toContain("lib/base/outlet.ts");
    expect(imports.get("lib/loop/epoll/libc.ts")).toContain("koffi");
  });

  it("name files that exist, with their ending", () => {
    const missing = everything.flatMap((file) =>
      imports
        .get(file)!
        .filter((name) => isOurs(name) && !name.startsWith("sluice") && !existsSync(root + name))
        .map((name) => `${file}: ${name}`),
    );
    expect(missing).toEqual([]);
  });

  it.each(ROOMS)("of %s are what is below it", (room, mayImport) => {
    const wrong = everything
      .filter((file) => roomOf(file)?.[0] === room)
      .flatMap((file) =>
        imports
          .get(file)!
          .filter((name) => isOurs(name) && !name.startsWith(room))
          .filter(
            (name) => !mayImport.some((may) => (may.endsWith("/") ? name.startsWith(may) : name === may)),
          )
          .map((name) => `${file}: ${name}`),
      );
    expect(wrong, `${room} may import ${mayImport.join(", ") || "nothing of ours"}`).toEqual([]);
  });

  it("leave no source outside of the rooms", () => {
    expect(everything.filter((file) => roomOf(file) === undefined)).toEqual([]);
  });

  it("of a protocol stay in its own folder", () => {
    const wrong = protocols
      .filter((file) => file !== "protocols/index.ts")
      .flatMap((file) =>
        imports
          .get(file)!
          .filter((name) => name.startsWith("protocols/") && dirname(name) !== dirname(file))
          .map((name) => `${file}: ${name}`),
      );
    expect(wrong).toEqual([]);
  });

  it("go in no circle, those of types neither", () => {
    const circles: string[] = [];
    const finished = new Set<string>();
    // The header of the public interface is one thing in several files: its types speak of each other.
    const isApi = (file: string) => file.startsWith("lib/api/");
    const visit = (file: string, path: readonly string[]) => {
      const before = path.indexOf(file);
      if (before !== -1) circles.push([...path.slice(before), file].join(" → "));
      if (before !== -1 || finished.has(file)) return;
      for (const name of imports.get(file) ?? [])
        if (!(isApi(file) && isApi(name))) visit(name, [...path, file]);
      finished.add(file);
    };
    for (const file of everything) visit(file, []);
    expect(circles).toEqual([]);
  });
});

/** Files outside of the rooms for sockets and files that touch them all the same, each with its reason. */
const IO_ELSEWHERE: Record<string, string> = {
  "test-server/options.ts": "a program's command line names files, and it says at once when one is not there",
  "test-server/program.ts": "a program finds out whether it was started itself, through a link of npm's",
};

describe("the outside world", () => {
  it("of sockets and files is touched by the loops, the bus, serve/source, stream and create-context only", () => {
    const outside = /^node:(net|tls|fs)(\/|$)|^(net|tls|fs)(\/|$)/;
    const allowed = /^lib\/(loop\/|bus\/|stream\/|serve\/source\.ts$|create-context\.ts$)/;
    const wrong = everything.filter(
      (file) => imports.get(file)!.some((name) => outside.test(name)) && !allowed.test(file),
    );
    expect(wrong.filter((file) => !(file in IO_ELSEWHERE))).toEqual([]);
    expect(
      Object.keys(IO_ELSEWHERE).filter((file) => !wrong.includes(file)),
      "needless exceptions",
    ).toEqual([]);
  });

  it.each([
    ["koffi", "lib/loop/epoll/libc.ts"],
    ["@fastify/busboy", "lib/engine/multipart.ts"],
    ["mime-types", "lib/serve/content-type.ts"],
    ["redis", "lib/bus/redis.ts"],
    ["@nats-io/transport-node", "lib/bus/nats.ts"],
  ])("%s is loaded by %s only", (name, only) => {
    const users = everything.filter((file) => imports.get(file)!.includes(name));
    expect(users).toEqual([only]);
  });

  it("is Node's own modules, by their full names, and the dependencies of package.json", () => {
    const { dependencies, optionalDependencies } = JSON.parse(read("package.json"));
    const known = Object.keys({ ...dependencies, ...optionalDependencies });
    const packages = [...imports.values()]
      .flat()
      .filter((name) => !isOurs(name) && !name.startsWith("node:"));
    expect([...new Set(packages)].filter((name) => !known.includes(name))).toEqual([]);
  });
});

/** Sources without a test file of their own, each with its reason. */
const UNTESTED: Record<string, string> = {
  "lib/index.ts": "re-exports only",
  "protocols/index.ts": "re-exports only",
  "lib/api/bodies.ts": "types only",
  "lib/api/client.ts": "types only",
  "lib/api/context.ts": "types only",
  "lib/api/fork.ts": "types only",
  "lib/api/options.ts": "types, and the table of defaults that test/engine/options.test.ts holds",
  "lib/api/protocol.ts": "types only; test/api.test.ts holds what they say",
  "lib/api/reasons.ts": "a part of the header that test/api.test.ts is for",
  "lib/api/tls.ts": "types only",
  "lib/api/wsi.ts": "types only",
  "lib/base/codec.ts": "a contract; test/base/codec.ts is run by every codec",
  "lib/base/outlet.ts": "a contract; test/support/outlet.ts is the strictest one that keeps it",
  "lib/ws/extension.ts": "types and three bits",
  "lib/engine/exchange-owner.ts": "types only",
  "lib/engine/forking.ts": "types only",
  "lib/engine/http-only.ts": "the protocol of a context without one, run by test/engine/files-mounts.test.ts",
  "lib/engine/role.ts": "types only",
  "lib/engine/user-timer.ts": "what setTimer arms, run by test/engine/life.test.ts",
  "lib/http/limits.ts":
    "types and two numbers, which test/http/head-reader.test.ts and body.test.ts go to the brink of",
  "lib/loop/node-alarm.ts":
    "a part of the node loop, run through its contract suite in test/loop/node.test.ts",
  "lib/loop/node-block.ts": "a part of the node loop, as above",
  "lib/loop/node-link.ts": "a part of the node loop, as above",
  "lib/loop/node-listen.ts": "a part of the node loop, as above",
  "lib/loop/node-notes.ts": "a part of the node loop, as above",
  "lib/stream/options.ts": "types, and three flags that test/stream/index.test.ts holds",
  "protocols/lws-mirror/room.ts": "a part of the mirror, run by test/protocols/lws-mirror.test.ts",
  "protocols/lws-mirror/rooms.ts": "a part of the mirror, as above",
  "protocols/lws-status/board.ts": "a part of lws-status, run by test/protocols/lws-status.test.ts",
  "lib/loop/epoll/link-host.ts": "types only",
  "lib/loop/loop.ts": "a contract; test/loop/contract.ts is run by every loop",
};

describe("tests", () => {
  // A plugin is one folder: its tests stand side by side in test/protocols.
  const mirror = (file: string) =>
    file.startsWith("lib/")
      ? file.replace(/^lib\/(.*)\.ts$/, "test/$1.test.ts")
      : file.replace(/^protocols\/(?:.*\/)?(.*)\.ts$/, "test/protocols/$1.test.ts");

  it("are there for every source, in the place that mirrors it", () => {
    const missing = [...lib, ...protocols].filter(
      (file) => !(file in UNTESTED) && !existsSync(root + mirror(file)),
    );
    expect(
      missing.map((file) => `${file}: ${mirror(file)}`),
      "test files that are missing",
    ).toEqual([]);
  });

  it("are missing only where the list says so truly", () => {
    const needless = Object.keys(UNTESTED).filter(
      (file) => ![...lib, ...protocols].includes(file) || existsSync(root + mirror(file)),
    );
    expect(needless).toEqual([]);
  });
});

describe("files", () => {
  it("have no more than 400 lines", () => {
    const sources = ["lib", "protocols", "test-server", "bench"].flatMap((folder) =>
      filesIn(folder, /\.(ts|js|mjs|cjs|css|html)$/),
    );
    const long = sources
      .map((file): [string, number] => [file, read(file).trimEnd().split("\n").length])
      .filter(([, lines]) => lines > 400);
    expect(long.map(([file, lines]) => `${file}: ${lines} lines`)).toEqual([]);
  });
});
