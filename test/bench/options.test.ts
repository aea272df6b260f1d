import { describe, expect, test } from "vitest";
import { SUITES } from "../../bench/cases.ts";
import { readOptions, USAGE } from "../../bench/options.ts";

describe("readOptions", () => {
  test("measures everything, 5 rounds of 2 s, unless told otherwise", () => {
    expect(readOptions([])).toEqual({
      suite: "websocket",
      cases: SUITES.websocket.cases,
      servers: null,
      rounds: 5,
      seconds: 2,
      load: null,
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

  test("takes the word files, with cases and a load of its own", () => {
    expect(readOptions(["files"])).toMatchObject({ suite: "files", cases: SUITES.files.cases, micro: false });
    const { cases, load } = readOptions(["files", "--only", "reply-200", "--load", "own"]);
    expect(cases.map(({ name }) => name)).toEqual(["reply-200"]);
    expect(load).toBe("own");
    expect(readOptions(["files", "--load", "wrk"]).load).toBe("wrk");
  });

  test.each([
    [["--only", "nothing"], /unknown case "nothing"/],
    [["--rounds", "0"], /--rounds takes a number above 0, not "0"/],
    [["--seconds", "x"], /--seconds takes a number above 0, not "x"/],
    [["macro"], /unknown word "macro"/],
    [["files", "micro"], /unknown word "micro"/],
    [["files", "--only", "echo-20"], /unknown case "echo-20": one of file-1k, /],
    [["--only", "file-1k"], /unknown case "file-1k"/],
    [["files", "--load", "ab"], /--load takes own or wrk, not "ab"/],
    [["--load", "wrk"], /wrk speaks HTTP only/],
    [["files", "--chart"], /--chart draws the WebSocket cases only/],
    [["--fast"], /--fast/],
  ])("refuses %j", (args, message) => {
    expect(() => readOptions(args)).toThrow(message);
  });

  test("the usage names every case", () => {
    for (const { cases } of Object.values(SUITES))
      for (const { name } of cases) expect(USAGE).toContain(name);
  });
});
