import { describe, expect, it } from "vitest";
import { clientProgram, destination, printable, shown } from "../../test-server/client-program.ts";
import { EXIT, UsageError } from "../../test-server/program.ts";

const none = { ssl: false, verify: false };
const url = (address: string, values = {}) => destination([address], { ...none, ...values }).url.href;

describe("the address of a client", () => {
  it.each([
    ["localhost", "ws://localhost:7681/"],
    ["127.0.0.1", "ws://127.0.0.1:7681/"],
    ["127.0.0.1:80", "ws://127.0.0.1/"],
    ["localhost:8000", "ws://localhost:8000/"],
    ["localhost/chat?room=1", "ws://localhost:7681/chat?room=1"],
    ["::1", "ws://[::1]:7681/"],
    ["2001:db8::80", "ws://[2001:db8::80]:7681/"],
    ["[::1]", "ws://[::1]:7681/"],
    ["[::1]:8000", "ws://[::1]:8000/"],
    ["::ffff:127.0.0.1", "ws://[::ffff:7f00:1]:7681/"],
    ["wss://example.com/chat", "wss://example.com/chat"],
    ["https://example.com", "wss://example.com/"],
  ])("%s is %s", (address, expected) => {
    expect(url(address)).toBe(expected);
  });

  it("takes its port from --port, and from elsewhere where a program has another default", () => {
    expect(url("::1", { port: "80" })).toBe("ws://[::1]/");
    expect(destination(["localhost"], none, 9000).url.port).toBe("9000");
  });

  it("is for TLS with --ssl, which takes any certificate, and --verify and --ca, which do not", () => {
    expect(destination(["a"], { ...none, ssl: true })).toEqual({ url: new URL("wss://a:7681"), ssl: 2 });
    expect(destination(["a"], { ...none, verify: true })).toEqual({ url: new URL("wss://a:7681"), ssl: 1 });
    expect(destination(["wss://a"], { ...none, ca: "ca.pem" })).toEqual({
      url: new URL("wss://a"),
      ssl: { ca: "ca.pem" },
    });
  });

  it.each([
    [[], {}, "an ADDRESS to connect to is missing; --help tells more"],
    [["a", "b"], {}, "one ADDRESS only, not 'b' too"],
    [["bad host"], {}, "'bad host' is neither an address nor a ws:// or wss:// URL"],
    [["ftp://a"], {}, "'ftp://a' is neither an address nor a ws:// or wss:// URL"],
    [[""], {}, "'' is neither an address nor a ws:// or wss:// URL"],
    [["a:1"], { port: "2" }, "--port: there is a port in 'a:1' already"],
    [["ws://a"], { port: "2" }, "--port: there is a port in 'ws://a' already"],
    [["a"], { port: "0" }, "--port takes a whole number from 1 to 65535, not '0'"],
    [["ws://a"], { ssl: true }, "'ws://a' is not for TLS"],
    [["a"], { ssl: true, verify: true }, "--ssl takes any certificate; use --verify or --ca without it"],
  ])("%j with %j is refused", (addresses, values, message) => {
    expect(() => destination(addresses, { ...none, ...values })).toThrow(new UsageError(message));
  });
});

describe("what a client prints", () => {
  it("is the place without a password", () => {
    expect(shown(new URL("wss://me:secret@example.com:444/chat?token=1"))).toBe("wss://example.com:444/chat");
  });

  it("has nothing in it that a terminal would obey", () => {
    expect(printable("5\x1b[2J\r\n\u202e")).toBe("5?[2J???");
  });
});

describe("a client program", () => {
  const tried = async (parse: () => { n: number } | "help", run: () => Promise<number>) => {
    const lines: string[] = [];
    const program = clientProgram("it", "the help", parse, run);
    const out = (text: string) => void lines.push(`out: ${text}`);
    const error = (text: string) => void lines.push(`error: ${text}`);
    const code = await program([], { out, error, signal: new AbortController().signal });
    return { code, lines };
  };
  const fail = (error: Error) => () => {
    throw error;
  };

  it("ends with what it was run for", async () => {
    expect(
      await tried(
        () => ({ n: 1 }),
        async () => 7,
      ),
    ).toEqual({ code: 7, lines: [] });
  });

  it("shows its help in place of running", async () => {
    expect(await tried(() => "help", fail(new Error("it ran")))).toEqual({
      code: EXIT.ok,
      lines: ["out: the help"],
    });
  });

  it("tells what is wrong with the options, and what failed, by its exit code", async () => {
    expect(await tried(fail(new UsageError("wrong")), async () => 0)).toEqual({
      code: EXIT.usage,
      lines: ["error: it: wrong"],
    });
    expect(await tried(() => ({ n: 1 }), fail(new Error("failed")))).toEqual({
      code: EXIT.failed,
      lines: ["error: it: failed"],
    });
  });
});
