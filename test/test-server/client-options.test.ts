import { describe, expect, it } from "vitest";
import { type ClientOptions, parseClientOptions } from "../../test-server/client-options.ts";
import { UsageError } from "../../test-server/program.ts";

const parse = (...args: string[]) => parseClientOptions(args) as ClientOptions;

describe("the options of the test client", () => {
  it("have defaults that go with the test server's", () => {
    expect(parse("localhost")).toEqual({
      destination: { url: new URL("ws://localhost:7681") },
      count: Infinity,
      rate: 20,
      longLived: false,
      deflate: true,
      eventLoop: "auto",
    });
  });

  it("have short forms, those of the original too", () => {
    expect(parse("-p", "80", "-s", "-c", "3", "-r", "0", "-l", "-u", "-v", "13", "-k", "-n", "a")).toEqual({
      destination: { url: new URL("wss://a:80"), ssl: 2 },
      count: 3,
      rate: Infinity,
      longLived: true,
      deflate: false,
      eventLoop: "auto",
    });
    expect(parseClientOptions(["-h"])).toBe("help");
  });

  it.each([
    [["--nope", "a"], "Unknown option '--nope'"],
    [["-c", "0", "a"], "--count takes a whole number from 1 to 4294967296, not '0'"],
    [["-r", "x", "a"], "--rate takes a whole number from 0 to 1000, not 'x'"],
    [["-v", "8", "a"], "--version: the protocol is spoken in version 13 only, not '8'"],
    [["--event-loop", "uv", "a"], "--event-loop takes auto, epoll, node, not 'uv'"],
    [[], "an ADDRESS to connect to is missing; --help tells more"],
  ])("%j are refused", (args, message) => {
    expect(() => parseClientOptions(args)).toThrow(new UsageError(message));
  });
});
