import { execFileSync } from "node:child_process";
import {
  closeSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type MountOptions, MountTable } from "../../lib/serve/mounts.ts";
import { resolvePath } from "../../lib/serve/path.ts";
import {
  closeFile,
  FileReader,
  type FileResult,
  openMounted,
  openNamed,
  PIECE_BYTES,
} from "../../lib/serve/source.ts";

let base = "";
let root = "";
const linux = process.platform === "linux";
/** Descriptors of this process; listing them takes one itself, each time. */
const descriptors = () => (linux ? readdirSync("/proc/self/fd").length : 0);
let before = 0;

beforeAll(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), "sluice-source-")));
  root = join(base, "root");
  for (const folder of [
    "root/sub",
    "root/bare",
    "root/a b",
    "root/.git",
    "root/.well-known",
    "root-sibling",
    "outside",
  ]) {
    mkdirSync(join(base, folder), { recursive: true });
  }
  const files = ["root/index.html", "root/f.txt", "root/sub/index.html", "root/a b/index.html", "root/.env"];
  files.push("root/.git/config", "root/.well-known/x", "root-sibling/x", "outside/secret.txt", "root/%2e%2e");
  for (const file of files) writeFileSync(join(base, file), `this is ${file}`);
  writeFileSync(join(root, "empty"), "");
  symlinkSync(join(base, "outside/secret.txt"), join(root, "link.txt"));
  symlinkSync("../outside", join(root, "linked"));
  symlinkSync("../root-sibling", join(root, "sibling"));
  symlinkSync("f.txt", join(root, "inner.txt"));
  symlinkSync("loop", join(root, "loop"));
  symlinkSync(".git", join(root, "data"));
});

afterAll(() => rmSync(base, { recursive: true, force: true }));
beforeEach(() => {
  before = descriptors();
});
afterEach(() => expect(descriptors()).toBe(before));

function open(path: string, options: Partial<MountOptions> = {}): FileResult {
  const resolved = resolvePath(path);
  if (resolved === null) return { kind: "fault", status: 400 };
  const mount = new MountTable([{ mountpoint: "/", origin: root, ...options }]).find(resolved);
  if (mount === undefined) throw new Error("no mount");
  return openMounted(mount, resolved);
}

/** What a path brings: the file's text, a status, or `301` and where to. */
function get(path: string, options: Partial<MountOptions> = {}): string | number {
  const result = open(path, options);
  if (result.kind === "fault") return result.status;
  if (result.kind === "redirect") return `301 ${result.location}`;
  const reader = new FileReader(result.handle, 0, result.size);
  const text = reader.piece.toString("utf8", 0, reader.read());
  reader.close();
  return text;
}

describe("files of a mount", () => {
  it("come with size, time and type", () => {
    const file = open("/f.txt");
    if (file.kind !== "file") throw new Error(file.kind);
    expect(file).toMatchObject({ size: 18, contentType: "text/plain; charset=utf-8" });
    expect(file.mtime).toBe(fstatSync(file.handle).mtimeMs);
    closeFile(file);
  });

  it("take the mount's own types first", () => {
    const file = open("/f.txt", { mimeTypes: { txt: "text/x-own" } });
    if (file.kind !== "file") throw new Error(file.kind);
    expect(file.contentType).toBe("text/x-own");
    closeFile(file);
  });

  it("are below the mountpoint", () => {
    const options = { mountpoint: "/static" };
    expect(get("/static/f.txt", options)).toBe("this is root/f.txt");
    expect(get("/static/", options)).toBe("this is root/index.html");
    expect(get("/static", options)).toBe("301 /static/");
    expect(get("/static/sub", options)).toBe("301 /static/sub/");
  });

  it("are 404 when they are not there, or too long to be", () => {
    expect(get("/nothing")).toBe(404);
    expect(get(`/${"x".repeat(5000)}`)).toBe(404);
    expect(get(`/${"x/".repeat(3000)}`)).toBe(404);
    expect(get("/f.txt", { origin: join(base, "nowhere") })).toBe(404);
  });

  it("row 76: are no folders", () => {
    expect(get("/f.txt/")).toBe(404);
    expect(get("/f.txt/x")).toBe(404);
  });

  it.runIf(linux)("are regular files: a FIFO is 404, and nothing waits for its writer", () => {
    execFileSync("mkfifo", [join(root, "fifo")]);
    expect(get("/fifo")).toBe(404);
  });
});

describe("folders", () => {
  it("give their index, by the name that the mount has for it", () => {
    expect(get("/")).toBe("this is root/index.html");
    expect(get("/sub/")).toBe("this is root/sub/index.html");
    expect(get("/", { index: "f.txt" })).toBe("this is root/f.txt");
    expect(get("/bare/")).toBe(404);
    expect(get("/", { index: "sub" })).toBe(404);
  });

  it("redirect to the slash, encoded", () => {
    expect(get("/sub")).toBe("301 /sub/");
    expect(get("/a%20b")).toBe("301 /a%20b/");
  });

  it("row 75: never redirect to another host", () => {
    mkdirSync(join(root, "evil.example"), { recursive: true });
    expect(get("//evil.example")).toBe("301 /evil.example/");
    expect(get("//evil.example/..")).toBe("this is root/index.html");
    expect(get("//evil.example/../sub")).toBe("301 /sub/");
    expect(get("/\\evil.example")).toBe(400);
    expect(get("/%5cevil.example")).toBe(400);
  });
});

describe("outside of the root", () => {
  it.each([
    "/../outside/secret.txt",
    "/%2e%2e/outside/secret.txt",
    "/..%2foutside/secret.txt",
    "/..%5coutside",
    "/..\\x",
    "/sub/../../outside/secret.txt",
    "/../root-sibling/x",
  ])("row 70: %s is 400", (path) => expect(get(path)).toBe(400));

  it("row 70: what is encoded twice is a name, and so are four dots", () => {
    expect(get("/%252e%252e/x")).toBe(404);
    expect(get("/%252e%252e")).toBe("this is root/%2e%2e");
    expect(get("/....//x")).toBe(404);
  });

  it.each(["/%00", "/f.txt%00.html", "/%", "/%zz", "/%c0%ae%c0%ae/"])("row 71: %s is 400", (path) =>
    expect(get(path)).toBe(400),
  );

  it("row 72: a symbolic link that leaves the root is 404, for a file and for a folder", () => {
    for (const path of ["/link.txt", "/linked", "/linked/", "/linked/secret.txt", "/sibling/x", "/loop"]) {
      expect(get(path), path).toBe(404);
    }
  });

  it("row 72: unless the mount allows it; one that stays inside is served", () => {
    const options = { insecureAllowEscapingLinks: true };
    expect(get("/link.txt", options)).toBe("this is outside/secret.txt");
    expect(get("/linked/secret.txt", options)).toBe("this is outside/secret.txt");
    expect(get("/linked", options)).toBe("301 /linked/");
    expect(get("/inner.txt")).toBe("this is root/f.txt");
  });

  it("serves a root that is a link itself, and follows it when it is put elsewhere", () => {
    const [current, next] = [join(base, "current"), join(base, "next")];
    symlinkSync(root, current);
    expect(get("/f.txt", { origin: current })).toBe("this is root/f.txt");
    symlinkSync(join(base, "root-sibling"), next);
    renameSync(next, current);
    expect(get("/x", { origin: current })).toBe("this is root-sibling/x");
    expect(get("/f.txt", { origin: current })).toBe(404);
  });
});

describe("dotfiles", () => {
  it("row 73: are 404 unless the mount allows them, .well-known apart", () => {
    for (const path of ["/.env", "/.git/config", "/.git", "/sub/.x", "/%2eenv"])
      expect(get(path), path).toBe(404);
    expect(get("/.well-known/x")).toBe("this is root/.well-known/x");
    expect(get("/.env", { dotfiles: true })).toBe("this is root/.env");
    expect(get("/.git/config", { dotfiles: true })).toBe("this is root/.git/config");
  });

  it("may be linked to by another name, which whoever made the link has chosen", () => {
    expect(get("/data/config")).toBe("this is root/.git/config");
  });
});

describe("files that the application names", () => {
  it("are opened wherever they are, with its type or the usual one", () => {
    const path = join(base, "outside/secret.txt");
    for (const [given, type] of [
      ["a/b", "a/b"],
      [undefined, "text/plain; charset=utf-8"],
    ]) {
      const file = openNamed(path, given);
      if (file.kind !== "file") throw new Error("not opened");
      expect(file.contentType).toBe(type);
      closeFile(file);
    }
  });

  it("are 404 when they are not there, no files or no names", () => {
    for (const path of [join(base, "x"), base, "", "a\0b"]) {
      expect(openNamed(path), path).toEqual({ kind: "fault", status: 404 });
    }
  });
});

describe("reading a file", () => {
  const large = () => join(base, "large");

  beforeEach(() => {
    const bytes = Buffer.alloc(2 * PIECE_BYTES + 5);
    for (let at = 0; at < bytes.length; at++) bytes[at] = at % 251;
    writeFileSync(large(), bytes);
  });

  it("goes piece by piece, to the end", () => {
    const reader = new FileReader(openSync(large(), "r"), 0, 2 * PIECE_BYTES + 5);
    const sizes = [reader.read(), reader.read(), reader.read(), reader.read()];
    expect(sizes).toEqual([PIECE_BYTES, PIECE_BYTES, 5, 0]);
    expect(reader).toMatchObject({ remaining: 0, truncated: false });
    reader.close();
  });

  it("reads a part, from its first byte on", () => {
    const reader = new FileReader(openSync(large(), "r"), 250, 253);
    expect(reader.remaining).toBe(3);
    expect(reader.read()).toBe(3);
    expect([...reader.piece.subarray(0, 3)]).toEqual([250, 0, 1]);
    reader.close();
  });

  it("reads nothing of an empty file, and that is all of it", () => {
    const file = open("/empty");
    if (file.kind !== "file") throw new Error(file.kind);
    const reader = new FileReader(file.handle, 0, file.size);
    expect(reader.read()).toBe(0);
    expect(reader.truncated).toBe(false);
    reader.close();
  });

  it("row 79: says when the file became shorter while it was read", () => {
    const reader = new FileReader(openSync(large(), "r"), 0, 2 * PIECE_BYTES + 5);
    expect(reader.read()).toBe(PIECE_BYTES);
    truncateSync(large(), PIECE_BYTES + 7);
    expect(reader.read()).toBe(7);
    expect(reader.truncated).toBe(false);
    expect(reader.read()).toBe(0);
    expect(reader.truncated).toBe(true);
    expect(reader.read()).toBe(0);
    reader.close();
  });

  it("does not read what was added since it was opened", () => {
    const file = join(base, "grows");
    writeFileSync(file, "12345");
    const reader = new FileReader(openSync(file, "r"), 0, 5);
    writeFileSync(file, "1234567890");
    expect(reader.read()).toBe(5);
    expect(reader.read()).toBe(0);
    reader.close();
  });

  it("says so when the file cannot be read", () => {
    const handle = openSync(base, "r");
    const reader = new FileReader(handle, 0, 5);
    expect(reader.read()).toBe(0);
    expect(reader.truncated).toBe(true);
    reader.close();
  });

  it("closes once, and reads nothing then", () => {
    const handle = openSync(large(), "r");
    const reader = new FileReader(handle, 0, 5);
    reader.close();
    const other = openSync(large(), "r");
    reader.close();
    expect(reader.read()).toBe(0);
    expect(() => closeSync(other)).not.toThrow();
  });
});
