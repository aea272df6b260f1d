import { describe, expect, it } from "vitest";
import { type PingOptions, parsePingOptions } from "../../test-server/ping-options.ts";
import { UsageError } from "../../test-server/program.ts";

const parse = (...args: string[]) => parsePingOptions(args) as PingOptions;

describe("the options of sluice-ping", () => {
  it("have defaults as ping(8), and the protocol of the original", () => {
    expect(parse("localhost")).toEqual({
      destination: { url: new URL("ws://localhost:7681") },
      interval: 1000,
      size: 64,
      count: Infinity,
      flood: false,
      mirror: false,
      replicate: 1,
      protocol: "lws-mirror-protocol",
      wait: 2000,
      eventLoop: "auto",
    });
  });

  it("have short forms", () => {
    const short = "-p 80 -t -i 0.25 -s 4096 -c 5 -f -m -r 3 -n echo -W .5 a".split(" ");
    expect(parse(...short)).toEqual({
      destination: { url: new URL("wss://a:80"), ssl: 2 },
      interval: 250,
      size: 4096,
      count: 5,
      flood: true,
      mirror: true,
      replicate: 3,
      protocol: "echo",
      wait: 500,
      eventLoop: "auto",
    });
    expect(parsePingOptions(["-h"])).toBe("help");
  });

  it("flood a hundred times a second at least, unless an interval is given", () => {
    expect(parse("-f", "a").interval).toBe(10);
    expect(parse("-f", "-i", "2", "a").interval).toBe(2000);
  });

  it("may ask for no protocol", () => {
    expect(parse("-n", "", "a").protocol).toBe("");
  });

  it.each([
    [["--nope", "a"], "Unknown option '--nope'"],
    [["-s", "126", "a"], "--size takes a whole number from 8 to 125, not '126'"],
    [["-s", "7", "a"], "--size takes a whole number from 8 to 125, not '7'"],
    [["-m", "-s", "4097", "a"], "--size takes a whole number from 8 to 4096, not '4097'"],
    [["-c", "0", "a"], "--count takes a whole number from 1 to 4294967296, not '0'"],
    [["-r", "257", "a"], "--replicate takes a whole number from 1 to 256, not '257'"],
    [["-i", "0", "a"], "--interval takes seconds from 0.001 to 3600, not '0'"],
    [["-i", "1s", "a"], "--interval takes seconds from 0.001 to 3600, not '1s'"],
    [["-W", "3601", "a"], "--wait takes seconds from 0.001 to 3600, not '3601'"],
    [["--event-loop", "uv", "a"], "--event-loop takes auto, epoll, node, not 'uv'"],
    [[], "an ADDRESS to connect to is missing; --help tells more"],
  ])("%j are refused", (args, message) => {
    expect(() => parsePingOptions(args)).toThrow(new UsageError(message));
  });
});
