import { describe, expect, it } from "vitest";
import { type EchoOptions, HELP, parseOptions } from "../../test-server/echo-options.ts";

const parse = (...args: string[]) => parseOptions(args) as EchoOptions;

describe("the options of echo", () => {
  it("make a server on the port of conformance suites, without compression", () => {
    expect(parse()).toMatchObject({
      ends: { destination: undefined, port: 9001, host: "127.0.0.1" },
      deflate: undefined,
      maxMessage: 16_777_216,
    });
  });

  it("make a client that plays the sizes at which a frame's header grows", () => {
    const { ends, play } = parse("-c", "127.0.0.1");
    expect(String(ends.destination?.url)).toBe("ws://127.0.0.1:9001/");
    expect(play).toEqual({
      count: 1000,
      sizes: [0, 1, 125, 126, 127, 65535, 65536],
      kind: "mixed",
      fragments: 1,
      inFlight: 1,
    });
  });

  it("say how to compress, both ways alike", () => {
    expect(
      parse("--deflate", "--threshold", "0", "--window-bits", "9", "--no-context-takeover").deflate,
    ).toEqual({
      threshold: 0,
      serverMaxWindowBits: 9,
      clientMaxWindowBits: 9,
      serverNoContextTakeover: true,
      clientNoContextTakeover: true,
    });
  });

  it.each([
    [["--size", "5"], "--size is for the client, with --client"],
    [["-c", "::1", "--max-message", "5"], "--max-message is for the server, without --client"],
    [["-c", "::1", "--size", "5,x"], "--size takes a whole number from 0 to 268435456, not 'x'"],
    [["-c", "::1", "--kind", "both"], "--kind takes mixed, text, binary, not 'both'"],
    [["--window-bits", "9"], "--threshold, --window-bits and --no-context-takeover go with --deflate"],
    [["--deflate", "--window-bits", "8"], "--window-bits takes a whole number from 9 to 15, not '8'"],
  ])("complain about %j", (args, message) => {
    expect(() => parseOptions(args)).toThrow(message);
  });

  it("are all in the help", () => {
    expect(parseOptions(["-h"])).toBe("help");
    const names = ["count", "size", "kind", "fragments", "in-flight", "max-message", "deflate", "threshold"];
    for (const name of [...names, "window-bits"]) expect(HELP).toContain(`--${name} `);
    for (const line of HELP.split("\n")) expect(line.length).toBeLessThanOrEqual(84);
  });
});
