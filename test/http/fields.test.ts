import { describe, expect, it } from "vitest";
import { fieldCount, fieldRecord, fieldValue } from "../../lib/http/fields.ts";

const SECTION = "skipped\r\nA: 1\r\nAb:2\r\na:\t3 \r\nCookie: x=1\r\ncookie: y=2\r\nE:\r\n\r\n";
const AT = SECTION.indexOf("A:");

describe("a field section", () => {
  it("gives one header by its name in lower case, joined when there are several", () => {
    expect(fieldValue(SECTION, AT, "a")).toBe("1, 3");
    expect(fieldValue(SECTION, AT, "ab")).toBe("2");
    expect(fieldValue(SECTION, AT, "cookie")).toBe("x=1; y=2");
    expect(fieldValue(SECTION, AT, "e")).toBe("");
    expect(fieldValue(SECTION, AT, "skipped")).toBeUndefined();
    expect(fieldValue(SECTION, AT, "abc")).toBeUndefined();
  });

  it("tells names with underscores and other signs apart", () => {
    const section = "X_A: 1\r\nX^: 2\r\nX~: 3\r\n\r\n";
    expect(["x_a", "x^", "x~"].map((name) => fieldValue(section, 0, name))).toEqual(["1", "2", "3"]);
  });

  it("counts headers of a name", () => {
    expect(fieldCount(SECTION, AT, "cookie")).toBe(2);
    expect(fieldCount(SECTION, AT, "cooki")).toBe(0);
  });

  it("gives all of them as a record without a prototype", () => {
    const record = fieldRecord(SECTION, AT);
    expect(Object.getPrototypeOf(record)).toBeNull();
    expect({ ...record }).toEqual({ a: "1, 3", ab: "2", cookie: "x=1; y=2", e: "" });
  });

  it("may be empty", () => {
    expect(fieldValue("\r\n", 0, "a")).toBeUndefined();
    expect(fieldCount("\r\n", 0, "a")).toBe(0);
    expect({ ...fieldRecord("\r\n", 0) }).toEqual({});
  });
});
