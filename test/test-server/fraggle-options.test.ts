import { describe, expect, it } from "vitest";
import { type FraggleOptions, HELP, parseOptions } from "../../test-server/fraggle-options.ts";

const parse = (...args: string[]) => parseOptions(args) as FraggleOptions;

describe("the options of fraggle", () => {
  it("make a server without end, of the sizes that libwebsockets has", () => {
    expect(parse()).toMatchObject({
      ends: { destination: undefined, port: 7681 },
      count: 0,
      limits: { fragments: 1024, size: 2000 },
    });
    expect(parse("--seed", "5", "--fragments", "3", "--size", "4", "-n", "6")).toMatchObject({
      count: 6,
      limits: { fragments: 3, size: 4 },
      seed: 5,
    });
  });

  it("make a client of 100 messages with -c", () => {
    const { ends, count } = parse("-c", "127.0.0.1");
    expect([String(ends.destination?.url), count]).toEqual(["ws://127.0.0.1:7681/", 100]);
  });

  it.each([
    [["--size", "0"], "--size takes a whole number from 1 to 1048576, not '0'"],
    [["-c", "::1", "--seed", "1"], "--seed is for the server, without --client"],
  ])("complain about %j", (args, message) => {
    expect(() => parseOptions(args)).toThrow(message);
  });

  it("are all in the help", () => {
    expect(parseOptions(["-h"])).toBe("help");
    for (const name of ["count", "fragments", "size", "seed", "client"]) expect(HELP).toContain(`--${name} `);
    for (const line of HELP.split("\n")) expect(line.length).toBeLessThanOrEqual(84);
  });
});
