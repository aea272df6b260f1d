import { describe, expect, it } from "vitest";
import { count, type EndValues, ended, parseEnds, size } from "../../test-server/two-ended.ts";

const values = (some: Partial<EndValues>): EndValues => ({
  ssl: false,
  verify: false,
  "event-loop": "auto",
  ...some,
});

describe("the two ends of a program", () => {
  it("are a server on this machine, unless there is an address", () => {
    expect(parseEnds(values({}), 9001)).toMatchObject({
      destination: undefined,
      port: 9001,
      host: "127.0.0.1",
    });
    const there = parseEnds(values({ client: "::1", ssl: true }), 9001);
    expect([String(there.destination?.url), there.destination?.ssl]).toEqual(["wss://[::1]:9001/", 2]);
  });

  it.each([
    [{ ca: "ca.pem" }, "--ca is for the client, with --client"],
    [{ verify: true }, "--verify is for the client, with --client"],
    [{ client: "::1", key: "k.pem" }, "--key is for the server, without --client"],
    [{ client: "::1", interface: "lo" }, "--interface is for the server, without --client"],
    [{ client: "" }, "ws://"],
  ])("do not take %j", (some, message) => {
    expect(() => parseEnds(values(some), 1)).toThrow(message);
  });
});

describe("figures", () => {
  it("have the right number and unit", () => {
    expect([count(1, "echo", "es"), count(2, "echo", "es"), count(0, "client")]).toEqual([
      "1 echo",
      "2 echoes",
      "0 clients",
    ]);
    expect([0, 999, 1000, 12_345_678, 3e15].map(size)).toEqual([
      "0 B",
      "999 B",
      "1.0 kB",
      "12.3 MB",
      "3000.0 TB",
    ]);
  });

  it("of a peer are fit for a terminal", () => {
    expect(ended({ code: 1000, reason: "", wasClean: true })).toBe("closed with 1000");
    expect(ended({ code: 4000, reason: "a\x1b[2J", wasClean: true })).toBe('closed with 4000 ("a?[2J")');
  });
});
