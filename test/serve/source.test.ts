import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  closeFile,
  FileReader,
  holds,
  type OpenFile,
  openNamed,
  openPath,
  PIECE_BYTES,
  readFolder,
  readText,
  readWhole,
} from "../../lib/serve/source.ts";

let base = "";
const linux = process.platform === "linux";
/** Descriptors of this process; listing them takes one itself, each time. */
const descriptors = () => (linux ? readdirSync("/proc/self/fd").length : 0);
let before = 0;

beforeAll(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), "sluice-source-")));
  for (const folder of ["root/sub", "outside"]) mkdirSync(join(base, folder), { recursive: true });
  writeFileSync(join(base, "outside/secret.txt"), "secret");
  writeFileSync(join(base, "root/f.txt"), "0123456789");
  writeFileSync(join(base, "root/.hidden"), "");
  writeFileSync(join(base, "root/empty"), "");
  symlinkSync("../outside/secret.txt", join(base, "root/out"));
  symlinkSync("f.txt", join(base, "root/in"));
  symlinkSync("nowhere", join(base, "root/dangling"));
});

afterAll(() => rmSync(base, { recursive: true, force: true }));
beforeEach(() => {
  before = descriptors();
});
afterEach(() => expect(descriptors()).toBe(before));

function named(path: string): OpenFile {
  const file = openNamed(path);
  if (file.kind !== "file") throw new Error(`${path} is not there`);
  return file;
}

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
    const file = named(join(base, "root/empty"));
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

  it("goes on with another part", () => {
    const reader = new FileReader(openSync(large(), "r"), 0, 3);
    expect(reader.read()).toBe(3);
    reader.seek(10, 12);
    expect(reader.read()).toBe(2);
    expect([...reader.piece.subarray(0, 2)]).toEqual([10, 11]);
    expect(reader.read()).toBe(0);
    reader.close();
  });

  it("tells that the file was changed, and takes a new name or none for no change", () => {
    const [path, other] = [join(base, "changing"), join(base, "renamed")];
    writeFileSync(path, "12345");
    const file = named(path);
    const reader = new FileReader(file.handle, 0, file.size);
    expect(reader.isChanged(file)).toBe(false);
    renameSync(path, other);
    rmSync(other);
    expect(reader.isChanged(file)).toBe(false);
    reader.close();
    expect(reader.isChanged(file), "closed").toBe(true);
    for (const change of [
      () => writeFileSync(path, "123456"),
      () => truncateSync(path, 1),
      () => utimesSync(path, 1, 1),
    ]) {
      writeFileSync(path, "12345");
      const file = named(path);
      const reader = new FileReader(file.handle, 0, file.size);
      change();
      expect(reader.isChanged(file)).toBe(true);
      reader.close();
    }
  });
});

describe("a whole file", () => {
  it("is read at once, and is null when it has become shorter", () => {
    const path = join(base, "whole");
    writeFileSync(path, "12345");
    const opened = openPath(path, null);
    if (opened.kind !== "file") throw new Error(opened.kind);
    expect(readWhole(opened)?.toString()).toBe("12345");
    truncateSync(path, 2);
    expect(readWhole(opened)).toBeNull();
    closeFile(opened);
  });
});

describe("a path with an origin", () => {
  it("row 72: names what really lies in it", () => {
    const origin = join(base, "root");
    for (const name of ["f.txt", "in"]) {
      const opened = openPath(join(origin, name), origin);
      expect(opened.kind).toBe("file");
      if (opened.kind === "file") closeFile(opened);
    }
    expect(openPath(join(origin, "sub"), origin)).toEqual({ kind: "folder" });
    expect(openPath(join(origin, "out"), origin)).toEqual({ kind: "fault", status: 404 });
  });
});

describe("a witness", () => {
  const path = () => join(base, "witness");
  const state = () => {
    const opened = openPath(path(), null);
    if (opened.kind !== "file") throw new Error(opened.kind);
    closeFile(opened);
    return opened.state;
  };

  it("holds for a file until anything of it changes", () => {
    for (const change of [
      () => writeFileSync(path(), "54321"),
      () => truncateSync(path(), 1),
      () => utimesSync(path(), 1, 1),
      () => rmSync(path()),
      () => {
        writeFileSync(`${path()}.new`, "12345");
        renameSync(`${path()}.new`, path());
      },
    ]) {
      writeFileSync(path(), "12345");
      // Long ago, so that a change within the same tick of the clock is seen.
      utimesSync(path(), 1000, 1000);
      const witness = { path: path(), expected: state(), follows: false };
      expect(holds(witness)).toBe(true);
      change();
      expect(holds(witness)).toBe(false);
    }
  });

  it("of a folder or of nothing holds for just that", () => {
    const root = join(base, "root");
    const says = (name: string, expected: "folder" | "absent") =>
      holds({ path: join(root, name), expected, follows: false });
    expect(says("sub", "folder")).toBe(true);
    expect(says("f.txt", "folder")).toBe(false);
    expect(says("none", "folder")).toBe(false);
    expect(says("none", "absent")).toBe(true);
    expect(says("f.txt", "absent")).toBe(false);
    expect(says("dangling", "absent")).toBe(false);
    for (const name of ["f.txt/none", "x".repeat(5000)])
      expect(says(name, "absent"), "no answer").toBe(false);
  });

  it("sees a link as one, or what it leads to", () => {
    writeFileSync(path(), "12345");
    const link = join(base, "witness-link");
    symlinkSync("witness", link);
    expect(holds({ path: link, expected: state(), follows: false })).toBe(false);
    expect(holds({ path: link, expected: state(), follows: true })).toBe(true);
  });
});

describe("a folder's entries", () => {
  const root = () => join(base, "root");
  const names = (origin: string | null, most = 100) => {
    const { entries, more } = readFolder(root(), origin, (name) => !name.startsWith("."), most);
    return [...entries.map(({ name, folder }) => name + (folder ? "/" : "")).sort(), ...(more ? ["…"] : [])];
  };

  it("are files and folders, without links that lead out or nowhere", () => {
    expect(names(root())).toEqual(["empty", "f.txt", "in", "sub/"]);
    expect(names(null)).toEqual(["empty", "f.txt", "in", "out", "sub/"]);
  });

  it("are no more than asked for", () => {
    expect(names(root(), 0)).toEqual(["…"]);
  });

  it("have sizes and times, and throw when there is no folder", () => {
    const { entries } = readFolder(root(), root(), (name) => name === "f.txt", 1);
    expect(entries).toEqual([
      { name: "f.txt", folder: false, size: 10, mtime: expect.closeTo(Date.now(), -6) },
    ]);
    expect(() => readFolder(join(base, "none"), null, () => true, 1)).toThrow("ENOENT");
  });
});

describe("a text of the application's own", () => {
  it("comes with the state that it was in", () => {
    const { text, state } = readText(join(base, "root/f.txt"), 10);
    expect([text, state.size]).toEqual(["0123456789", 10]);
  });

  it("throws when it is too long, or no file", () => {
    expect(() => readText(join(base, "root/f.txt"), 9)).toThrow(/9 bytes/);
    expect(() => readText(join(base, "root"), 9)).toThrow(/not a file/);
    expect(() => readText(join(base, "none"), 9)).toThrow("ENOENT");
  });
});
