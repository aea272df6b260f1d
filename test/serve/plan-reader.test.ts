import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Part } from "../../lib/serve/plan.ts";
import { PlanReader } from "../../lib/serve/plan-reader.ts";
import { type OpenFile, openNamed, PIECE_BYTES } from "../../lib/serve/source.ts";

let path = "";
beforeAll(() => {
  path = join(mkdtempSync(join(tmpdir(), "sluice-plan-")), "file");
});
afterAll(() => rmSync(join(path, ".."), { recursive: true, force: true }));

function opened(size: number): OpenFile {
  writeFileSync(path, Buffer.alloc(size, "0123456789"));
  const file = openNamed(path);
  if (file.kind !== "file") throw new Error("not there");
  return file;
}

const part = (start: number, end: number, text = ""): Part => ({ text, start, end });

/** All that a reader gives. */
function drain(reader: PlanReader): string {
  const pieces: string[] = [];
  while (reader.read() > 0) pieces.push(reader.buffer.toString("latin1", reader.start, reader.end));
  reader.close();
  return pieces.join("");
}

describe.each(["a descriptor", "memory"])("parts of a file from %s", (source) => {
  const reader = (size: number, parts: Part[]) => {
    const file = opened(size);
    if (source === "a descriptor") return new PlanReader(file, parts);
    new PlanReader(file, []).close();
    return new PlanReader({ ...file, handle: -1, bytes: readFileSync(path) }, parts);
  };

  it("are the whole of it", () => {
    const all = reader(3 * PIECE_BYTES + 1, [part(0, 3 * PIECE_BYTES + 1)]);
    expect(all.remaining).toBe(3 * PIECE_BYTES + 1);
    expect(drain(all)).toBe(readFileSync(path, "latin1"));
    expect(all).toMatchObject({ remaining: 0, failed: false });
  });

  it("come one after the other, each behind its text", () => {
    const parts = [part(8, 10, "<a\xe4>"), part(0, 2, "<b>"), part(5, 6), part(0, 0, "<end>")];
    expect(drain(reader(10, parts))).toBe("<a\xe4>89<b>015<end>");
  });

  it("are larger than a piece", () => {
    const text = readFileSync(path, "latin1").slice(0, 0);
    const parts = [part(5, PIECE_BYTES + 15, "x"), part(1, 2, "y")];
    const got = drain(reader(2 * PIECE_BYTES, parts));
    expect(got).toBe(`${text}x${readFileSync(path, "latin1").slice(5, PIECE_BYTES + 15)}y1`);
  });

  it("of nothing are nothing", () => {
    const none = reader(0, [part(0, 0)]);
    expect([none.remaining, none.read(), none.failed]).toEqual([0, 0, false]);
    none.close();
    none.close();
  });
});

describe("row 79: a file that changes while it is read", () => {
  const size = PIECE_BYTES + 10;
  it.each([
    ["becomes shorter", () => truncateSync(path, 5), PIECE_BYTES],
    ["becomes longer", () => appendFileSync(path, "more"), PIECE_BYTES],
    ["is written anew", () => writeFileSync(path, Buffer.alloc(size + 1)), PIECE_BYTES],
  ])("%s, and its last bytes are not given", (_, change, given) => {
    const reader = new PlanReader(opened(size), [part(0, size)]);
    expect(reader.read()).toBe(given);
    change();
    expect(reader.read()).toBe(0);
    expect(reader.failed).toBe(true);
    expect(reader.read()).toBe(0);
    reader.close();
  });

  it("is not noticed where its bytes are kept", () => {
    const file = opened(10);
    new PlanReader(file, []).close();
    const reader = new PlanReader({ ...file, handle: -1, bytes: Buffer.from("0123456789") }, [part(0, 10)]);
    truncateSync(path, 1);
    expect(drain(reader)).toBe("0123456789");
  });

  it("deleted or replaced by renaming is no change", () => {
    const reader = new PlanReader(opened(size), [part(0, size)]);
    rmSync(path);
    expect(drain(reader)).toHaveLength(size);
    expect(reader.failed).toBe(false);
  });
});

describe("a stretch that need not be read", () => {
  const open = (size: number, parts: Part[]) => new PlanReader(opened(size), parts);
  const text = () => readFileSync(path, "latin1");

  it("is skipped, and what is left is read", () => {
    const reader = open(100_000, [part(10, 90_000)]);
    expect(reader.handle).toBeGreaterThan(0);
    expect(reader).toMatchObject({ offset: 10, stretch: 89_990 - 4096, remaining: 89_990 });
    reader.skip(50_000);
    expect(reader).toMatchObject({ offset: 50_010, stretch: 39_990 - 4096, remaining: 39_990 });
    reader.skip(reader.stretch);
    expect(reader).toMatchObject({ stretch: 0, remaining: 4096 });
    expect(drain(reader)).toBe(text().slice(90_000 - 4096, 90_000));
  });

  it("ends with its part, and begins behind its text", () => {
    const reader = open(50_000, [part(0, 20_000, "<a>"), part(30_000, 50_000, "<b>")]);
    expect(reader.stretch).toBe(0);
    expect(reader.read()).toBe(3);
    expect(reader).toMatchObject({ offset: 0, stretch: 20_000 });
    reader.skip(20_000);
    expect(reader.stretch).toBe(0);
    expect(drain(reader)).toBe(`<b>${text().slice(30_000)}`);
  });

  it("is none in a small file, a failed one, or one in memory", () => {
    const small = open(4096, [part(0, 4096)]);
    expect(small.stretch).toBe(0);
    small.close();
    const cut = open(50_000, [part(0, 50_000)]);
    truncateSync(path, 0);
    expect(cut.read()).toBe(0);
    expect(cut).toMatchObject({ failed: true, stretch: 0 });
    cut.close();
    const kept = { ...opened(10), handle: -1, bytes: Buffer.alloc(10) };
    expect(new PlanReader(kept, [part(0, 10)]).handle).toBe(-1);
  });

  it("does not hide that the file has changed meanwhile", () => {
    const reader = open(50_000, [part(0, 50_000)]);
    reader.skip(reader.stretch);
    appendFileSync(path, "more");
    expect(reader.read()).toBe(0);
    expect(reader.failed).toBe(true);
    reader.close();
  });
});
