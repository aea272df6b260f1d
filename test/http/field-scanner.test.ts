import { describe, expect, it } from "vitest";
import { FAULTS } from "../../lib/http/fault.ts";
import { FieldScanner } from "../../lib/http/field-scanner.ts";

function scan(text: string, maxCount = 100) {
  const scanner = new FieldScanner();
  const bytes = Buffer.from(text, "latin1");
  return { at: scanner.scan(bytes, 0, bytes.length, maxCount), scanner };
}

describe("scanning headers", () => {
  it("stops behind the blank line", () => {
    const { at, scanner } = scan("A: 1\r\nB:\r\n\r\nrest");
    expect(at).toBe(12);
    expect(scanner.done).toBe(true);
    expect(scanner.scan(Buffer.from("X"), 0, 1, 100)).toBe(0);
  });

  it("takes none at all", () => {
    expect(scan("\r\n").scanner.done).toBe(true);
  });

  it("goes on where the bytes were cut, at every offset", () => {
    const bytes = Buffer.from("A: 1\r\nB:\r\n\r\n");
    for (let cut = 0; cut <= bytes.length; cut++) {
      const scanner = new FieldScanner();
      expect(scanner.scan(bytes, 0, cut, 2)).toBe(cut);
      expect(scanner.scan(bytes, cut, bytes.length, 2)).toBe(bytes.length);
      expect(scanner.done).toBe(true);
    }
  });

  it("rows 54, 58: stops at the first wrong byte and says what it is", () => {
    expect(scan("A : 1")).toMatchObject({ at: 1, scanner: { fault: FAULTS.fieldName, done: false } });
    expect(scan(" A: 1")).toMatchObject({ at: 0, scanner: { fault: FAULTS.fieldName } });
    expect(scan("A: 1\0")).toMatchObject({ at: 4, scanner: { fault: FAULTS.fieldValue } });
    expect(scan("A: 1\n")).toMatchObject({ at: 4, scanner: { fault: FAULTS.lineEnd } });
    expect(scan("A: 1\rX")).toMatchObject({ at: 5, scanner: { fault: FAULTS.lineEnd } });
    expect(scan("A: 1\r\n\rX")).toMatchObject({ at: 7, scanner: { fault: FAULTS.lineEnd } });
  });

  it("row 13: takes as many as it may, and starts anew after a reset", () => {
    const { scanner } = scan("a:\r\nb:\r\nc:\r\n\r\n", 2);
    expect(scanner.fault).toBe(FAULTS.tooManyFields);
    scanner.reset();
    const bytes = Buffer.from("a:\r\nb:\r\n\r\n");
    scanner.scan(bytes, 0, bytes.length, 2);
    expect(scanner).toMatchObject({ done: true, fault: undefined });
  });
});
