import { describe, expect, test } from "vitest";
import { CASES } from "../../bench/cases.ts";
import { readOptions, USAGE } from "../../bench/options.ts";

describe("readOptions", () => {
  test("measures everything, 5 rounds of 2 s, unless told otherwise", () => {
    expect(readOptions([])).toEqual({
      cases: CASES,
      servers: null,
      rounds: 5,
      seconds: 2,
      chart: false,
      readme: false,
      micro: false,
    });
  });

  test("--quick is one round of a second, and a number given beside it wins", () => {
    expect(readOptions(["--quick"])).toMatchObject({ rounds: 1, seconds: 1 });
    expect(readOptions(["--quick", "--rounds", "3"])).toMatchObject({ rounds: 3, seconds: 1 });
  });

  test("takes cases and servers by name", () => {
    const { cases, servers } = readOptions(["--only", "idle,echo-20", "--servers", "ws,bun"]);
    expect(cases.map(({ name }) => name)).toEqual(["idle", "echo-20"]);
    expect(servers).toEqual(["ws", "bun"]);
  });

  test("takes the word micro", () => {
    expect(readOptions(["micro"]).micro).toBe(true);
  });

  test.each([
    [["--only", "nothing"], /unknown case "nothing"/],
    [["--rounds", "0"], /--rounds takes a number above 0, not "0"/],
    [["--seconds", "x"], /--seconds takes a number above 0, not "x"/],
    [["macro"], /unknown word "macro"/],
    [["--fast"], /--fast/],
  ])("refuses %j", (args, message) => {
    expect(() => readOptions(args)).toThrow(message);
  });

  test("the usage names every case", () => {
    for (const { name } of CASES) expect(USAGE).toContain(name);
  });
});
