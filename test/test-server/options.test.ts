import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { HELP, parseOptions, type ServerOptions } from "../../test-server/options.ts";
import { UsageError } from "../../test-server/program.ts";
import { MAX_UPLOAD } from "../../test-server/uploads.ts";

const parse = (...args: string[]) => parseOptions(args) as ServerOptions;
const complaint = (...args: string[]) => {
  try {
    parseOptions(args);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error("these options were taken");
};

describe("the limit of uploads", () => {
  it("is the one that the help and the page name", () => {
    const named = `${MAX_UPLOAD / 2 ** 30} GiB`;
    expect(HELP).toContain(named);
    for (const file of ["index.html", "upload-panel.js"]) {
      expect(readFileSync(join(parse().root, file), "utf8"), file).toContain(named);
    }
  });
});

describe("the options of the test server", () => {
  it("have defaults that run the test page on this machine only", () => {
    expect(parse()).toMatchObject({
      port: 7681,
      host: "127.0.0.1",
      ssl: undefined,
      root: expect.stringMatching(/test-server\/public$/),
      testPage: true,
      listing: false,
      accessLog: false,
      eventLoop: "auto",
      plugins: [],
      bus: undefined,
      closeTest: false,
      processes: 0,
    });
  });

  it("take a number of processes", () => {
    expect(parse("--fork", "3").processes).toBe(3);
    expect(complaint("--fork", "many")).toBe("--fork takes a whole number from 0 to 1024, not 'many'");
  });

  it("have short forms", () => {
    expect(parse("-p", "80", "-i", "::1", "-c", "-r", ".")).toMatchObject({
      port: 80,
      host: "::1",
      closeTest: true,
      root: ".",
      testPage: false,
    });
    expect(parseOptions(["-h"])).toBe("help");
  });

  it("switch on what is off unless asked for", () => {
    expect(parse("--listing", "--access-log")).toMatchObject({ listing: true, accessLog: true });
  });

  it("take several plugins", () => {
    expect(parse("--plugin", "./a.js", "--plugin=b").plugins).toEqual(["./a.js", "b"]);
  });

  it("take a network interface by its name", () => {
    const [name, addresses] = Object.entries(networkInterfaces())[0] ?? [];
    if (name === undefined || addresses === undefined) return;
    expect(addresses.map(({ address }) => address)).toContain(parse("-i", name).host);
  });

  it("take a certificate and its key with --ssl", () => {
    expect(parse("-s", "--cert", "c.pem", "--key", "k.pem").ssl).toEqual({ cert: "c.pem", key: "k.pem" });
  });

  it("show how to make a certificate when there is none", () => {
    const message = complaint("--ssl");
    expect(message).toMatch(/--cert FILE and --key FILE/);
    expect(message).toMatch(/openssl req -x509 /);
  });

  it.each([
    [["--nope"], "Unknown option '--nope'"],
    [["stray"], /stray/],
    [["-p", "x"], "--port takes a whole number from 0 to 65535, not 'x'"],
    [["-p", "65536"], "--port takes a whole number from 0 to 65535, not '65536'"],
    [["-p", "1e3"], "--port takes a whole number from 0 to 65535, not '1e3'"],
    [["--event-loop", "uv"], "--event-loop takes auto, epoll, node, not 'uv'"],
    [["--root", "/no/such/folder"], "--root: there is no folder '/no/such/folder'"],
    [["--cert", "c.pem"], "--cert and --key go with --ssl"],
    [["-p"], /argument missing/],
  ])("complain about %j in one line", (args, message) => {
    expect(complaint(...args)).toMatch(message);
    expect(complaint(...args)).not.toContain("\n");
  });

  it("are all in the help", () => {
    for (const name of [
      "port",
      "interface",
      "ssl",
      "cert",
      "key",
      "root",
      "listing",
      "access-log",
      "event-loop",
      "bus",
      "plugin",
      "closetest",
    ]) {
      expect(HELP).toContain(`--${name} `);
    }
    for (const line of HELP.split("\n")) expect(line.length).toBeLessThanOrEqual(82);
  });
});
