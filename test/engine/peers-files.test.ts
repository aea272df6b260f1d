import { execFile, spawnSync } from "node:child_process";
import { readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { describeLoops, startServer, temporaryFolder } from "../support/server.ts";

const run = promisify(execFile);
const hasCurl = spawnSync("curl", ["--version"]).status === 0;
const why = hasCurl ? "" : " (skipped: no curl here)";

const origin = temporaryFolder();
/** Where what was got is written to. */
const got = temporaryFolder();
const OLD = new Date("2020-01-02T03:04:05Z");
const write = (name: string, bytes: string | Uint8Array) => {
  writeFileSync(join(origin, name), bytes);
  utimesSync(join(origin, name), OLD, OLD);
};
/** Each four bytes tell their place. */
const large = Buffer.alloc(3_000_000);
for (let at = 0; at < large.length; at += 4) large.writeUInt32BE(at, at);
write("f.txt", "0123456789abcdef");
write("large.bin", large);
write("page.html", "<p>page");
write("page.html.gz", gzipSync("<p>page"));

describeLoops("files, by the programs of others", (loop) => {
  const start = () =>
    startServer({ eventLoop: loop, mounts: [{ mountpoint: "/", origin, precompressed: true }] });
  const curl = async (path: string, ...args: string[]) => {
    const url = `http://127.0.0.1:${(await start()).port}${path}`;
    return (await run("curl", ["-sS", "--noproxy", "*", ...args, url])).stdout;
  };
  /** The status, and what was written to a file of the test's own. */
  const download = async (name: string, path: string, ...args: string[]) => {
    const file = join(got, `${name}-${loop}`);
    return { file, status: await curl(path, "-o", file, "-w", "%{http_code}", ...args) };
  };

  describe.skipIf(!hasCurl)(`curl${why}`, () => {
    it("gets a part, and several in one body", async () => {
      expect(await curl("/f.txt", "-r", "4-7")).toBe("4567");
      expect(await curl("/f.txt", "-r", "-3")).toBe("def");
      const several = await curl("/f.txt", "-i", "-r", "0-4,10-12");
      expect(several).toMatch(/^HTTP\/1\.1 206 Partial Content\r\n/);
      const body = several.slice(several.indexOf("\r\n\r\n") + 4);
      const boundary = /boundary=(\S+)/.exec(several)![1];
      const type = "Content-Type: text/plain; charset=utf-8\r\n";
      expect(body).toBe(
        `--${boundary}\r\n${type}Content-Range: bytes 0-4/16\r\n\r\n01234\r\n` +
          `--${boundary}\r\n${type}Content-Range: bytes 10-12/16\r\n\r\nabc\r\n--${boundary}--\r\n`,
      );
    });

    it("gets the head alone, the same as with the file", async () => {
      const head = await curl("/f.txt", "-I");
      expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
      expect(head).toMatch(/\r\ncontent-length: 16\r\n/i);
      const withFile = await curl("/f.txt", "-i");
      const dateless = (text: string) =>
        text
          .replace(/^Date: .*$/m, "")
          .split("\r\n")
          .sort();
      expect(dateless(withFile.replace("0123456789abcdef", ""))).toEqual(dateless(head));
    });

    it("unpacks what is packed for it", async () => {
      expect(await curl("/page.html", "--compressed")).toBe("<p>page");
      expect(await curl("/page.html", "--compressed", "-I")).toMatch(/content-encoding: gzip/i);
      expect(await curl("/page.html")).toBe("<p>page");
    });

    it("does not get what it has, by its time or its etag", async () => {
      const { file } = await download("first", "/f.txt", "-R");
      expect((await download("second", "/f.txt", "-z", file)).status).toBe("304");
      expect((await download("third", "/f.txt", "-z", "Wed, 01 Jan 2020 00:00:00 GMT")).status).toBe("200");
      const etag = join(got, `etag-${loop}`);
      expect((await download("fourth", "/f.txt", "--etag-save", etag)).status).toBe("200");
      expect((await download("fifth", "/f.txt", "--etag-compare", etag)).status).toBe("304");
    });

    it("goes on with a file that it has a part of", async () => {
      const file = join(got, `part-${loop}`);
      writeFileSync(file, large.subarray(0, 1_234_567));
      expect(await curl("/large.bin", "-C", "-", "-o", file, "-w", "%{http_code}")).toBe("206");
      expect(readFileSync(file).equals(large)).toBe(true);
    });

    it("gets many files over one connection", async () => {
      const server = await start();
      const url = `http://127.0.0.1:${server.port}`;
      const args = ["-sS", "--noproxy", "*", `${url}/f.txt`, `${url}/page.html`, `${url}/f.txt`];
      expect((await run("curl", args)).stdout).toBe("0123456789abcdef<p>page0123456789abcdef");
      expect(server.all("FILTER_NETWORK_CONNECTION")).toHaveLength(1);
    });
  });

  it("fetch gets a large file whole, and a part of it", async () => {
    const url = `http://127.0.0.1:${(await start()).port}/large.bin`;
    expect(Buffer.from(await (await fetch(url)).arrayBuffer()).equals(large)).toBe(true);
    const part = await fetch(url, { headers: { Range: "bytes=100-999999" } });
    expect(part.status).toBe(206);
    expect(Buffer.from(await part.arrayBuffer()).equals(large.subarray(100, 1_000_000))).toBe(true);
  });
});
