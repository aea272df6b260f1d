import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { httpRequest, type RequestOptions } from "../support/frames.ts";
import { describeLoops, type ServerOptions, startServer, temporaryFolder } from "../support/server.ts";

const SECRET = "nobody may see this";

/** ```
 *   secret.txt  x  root-sibling/x           what must never be served
 *   root/  index.html  f.txt  sub/index.html  .env  .git/config  .well-known/x
 *          admin/s  out -> ../secret.txt  in -> f.txt
 *   admin/ s
 * ``` */
function makeTree() {
  const folder = temporaryFolder();
  const file = (path: string, text: string) => {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  for (const path of ["secret.txt", "x", "root-sibling/x", "root/.env", "root/.git/config", "root/admin/s"])
    file(path, SECRET);
  file("root/index.html", "<p>root");
  file("root/sub/index.html", "<p>sub");
  file("root/f.txt", "0123456789");
  file("root/.well-known/x", "known");
  file("root/a b&c.txt", "blank");
  file("admin/s", "the admin's own");
  symlinkSync("../secret.txt", join(folder, "root", "out"));
  symlinkSync("../..", join(folder, "root", "sub", "up"));
  symlinkSync("f.txt", join(folder, "root", "in"));
  return { root: join(folder, "root"), admin: join(folder, "admin") };
}
const { root, admin } = makeTree();

describeLoops("files of a mount", (loop) => {
  const start = (options: ServerOptions = {}) =>
    startServer({
      eventLoop: loop,
      mounts: [
        { mountpoint: "/", origin: root },
        { mountpoint: "/admin", origin: admin },
      ],
      ...options,
    });
  const get = async (target: string, options: RequestOptions = {}, server: ServerOptions = {}) =>
    (await start(server)).ask(httpRequest({ target, headers: { Connection: "close", ...options.headers } }));

  it.each([
    ["/", "<p>root", "text/html"],
    ["/sub/", "<p>sub", "text/html"],
    ["/f.txt?query", "0123456789", "text/plain"],
    ["/a%20b%26c.txt", "blank", "text/plain"],
    ["/sub/../f.txt", "0123456789", "text/plain"],
    ["/./f.txt", "0123456789", "text/plain"],
    ["/in", "0123456789", "application/octet-stream"],
    ["/admin/s", "the admin's own", "application/octet-stream"],
  ])("%s is served", async (target, body, type) => {
    const reply = await get(target);
    expect(reply.body.toString()).toBe(body);
    expect(reply).toMatchObject({ status: 200, headers: { "content-length": String(body.length) } });
    expect(reply.headers["content-type"]).toContain(type);
  });

  it.each([
    "/../x",
    "/%2e%2e/x",
    "/..%2fx",
    "/..%5cx",
    "/..\\x",
    "/%252e%252e/x",
    "/....//x",
    "/sub/../../x",
    "/../root-sibling/x",
    "/%2e%2e%2fsecret.txt",
    "/admin/../../x",
    "/admin/..%2f..%2fx",
  ])("row 70: %s leaves nothing out of the root", async (target) => {
    const reply = await get(target);
    expect(reply.body.toString()).not.toContain(SECRET);
    expect([400, 403, 404]).toContain(reply.status);
  });

  it.each(["/%00", "/f.txt%00.html", "/%", "/%zz", "/%c0%ae%c0%ae/"])(
    "row 71: %s gets 400",
    async (target) => {
      expect((await get(target)).status).toBe(400);
    },
  );

  it.each(["/out", "/sub/up/secret.txt"])(
    "row 72: %s, a link that leaves the root, is 404",
    async (target) => {
      expect((await get(target)).status).toBe(404);
    },
  );

  it("row 72: it is served when the mount allows it", async () => {
    const mounts = [{ mountpoint: "/", origin: root, insecureAllowEscapingLinks: true }];
    expect((await get("/out", {}, { mounts })).body.toString()).toBe(SECRET);
  });

  it.each(["/.git/config", "/.env", "/%2eenv", "/sub/../.env"])("row 73: %s is 404", async (target) => {
    expect((await get(target)).status).toBe(404);
  });

  it("row 73: .well-known is served, and the others when the mount allows it", async () => {
    expect((await get("/.well-known/x")).body.toString()).toBe("known");
    const mounts = [{ mountpoint: "/", origin: root, dotfiles: true }];
    expect((await get("/.env", {}, { mounts })).body.toString()).toBe(SECRET);
  });

  it.each([
    "//admin/s",
    "/admin%2Fs",
    "/admin%5Cs",
    "/./admin/s",
    "/x/../admin/s",
    "/%61dmin/s",
    "/admin//s",
  ])("row 74: %s never reaches what the mount on /admin hides", async (target) => {
    expect((await get(target)).body.toString()).not.toContain(SECRET);
  });

  it.each([
    "//evil.example/..",
    "//evil.example/%2e%2e",
    "//sub",
    "/\\evil.example/..",
    "/%2fevil.example/../sub",
  ])("row 75: %s redirects to no other host", async (target) => {
    const { location } = (await get(target)).headers;
    if (location !== undefined) expect(location).toMatch(/^\/(?![/\\])/);
  });

  it("row 75: a folder without its slash is redirected to it, with the query", async () => {
    const reply = await get("/sub?a=1");
    expect([301, 302, 307, 308]).toContain(reply.status);
    expect(reply.headers["location"]).toBe("/sub/?a=1");
  });

  it("row 76: a file with a slash behind it is 404", async () => {
    expect((await get("/f.txt/")).status).toBe(404);
  });

  it("row 79: HEAD has the headers and no body", async () => {
    const peer = await (await start()).connect();
    peer.send(httpRequest({ method: "HEAD", target: "/f.txt", headers: { Connection: "close" } }));
    expect(await peer.response("HEAD")).toMatchObject({ status: 200, headers: { "content-length": "10" } });
    expect(await peer.closed()).toHaveLength(0);
  });

  it("keeps the connection and its order over files, pipelined with other requests", async () => {
    const peer = await (await start()).connect();
    const targets = ["/f.txt", "/none", "/sub/", "/in", "/"];
    peer.send(targets.map((target) => httpRequest({ target })).join(""));
    const statuses: number[] = [];
    const bodies: string[] = [];
    for (const _ of targets) {
      const reply = await peer.response();
      statuses.push(reply.status);
      bodies.push(reply.body.toString());
    }
    expect(statuses).toEqual([200, 404, 200, 200, 200]);
    expect([bodies[0], bodies[2], bodies[4]]).toEqual(["0123456789", "<p>sub", "<p>root"]);
  });
});
