import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { answerMounted, answerWith } from "../../lib/engine/static.ts";
import { type RequestHead, readRequest } from "../../lib/http/request-head.ts";
import { type MountOptions, MountTable } from "../../lib/serve/mounts.ts";
import { closeFile, openNamed } from "../../lib/serve/source.ts";
import { httpRequest, type RequestOptions } from "../support/frames.ts";
import { temporaryFolder } from "../support/server.ts";

const folder = temporaryFolder();
writeFileSync(join(folder, "file.txt"), "contents");
writeFileSync(join(folder, "empty.txt"), "");
writeFileSync(join(folder, "page.html"), "<p>page");
mkdirSync(join(folder, "sub"));

const files = (options: Partial<MountOptions> = {}) =>
  new MountTable([{ mountpoint: "/static", origin: folder, ...options }]);
const mounts = files();

const headOf = (options: RequestOptions) => readRequest(httpRequest(options)) as RequestHead;

/** What the mounts answer to `method target`; a file that was opened is closed again. */
function ask(target: string, method = "GET", table = mounts, headers: Record<string, string> = {}) {
  const answer = answerMounted(table, headOf({ method, target, headers }));
  if (answer?.kind === "file") closeFile(answer.file);
  return answer;
}

describe("a request that lies in a mount", () => {
  it("is answered with the file", () => {
    const plan = { status: 200, headers: { "content-type": "text/plain; charset=utf-8" }, length: 8 };
    const file = { kind: "file", file: { size: 8 }, plan };
    expect(ask("/static/file.txt")).toMatchObject(file);
    expect(ask("/static/file.txt?v=1")).toMatchObject(file);
  });

  it("is answered to HEAD with the headers that GET gets, and no file", () => {
    const get = ask("/static/file.txt");
    if (get?.kind !== "file") throw new Error("no file");
    expect(ask("/static/file.txt", "HEAD")).toEqual({
      kind: "reply",
      status: 200,
      headers: { ...get.plan.headers, "content-length": 8 },
      body: "",
    });
  });

  it("is answered without a file where none of its bytes are due", () => {
    const plain = (headers: Record<string, string>, target = "/static/file.txt") =>
      ask(target, "GET", mounts, headers);
    expect(plain({}, "/static/empty.txt")).toMatchObject({ kind: "reply", status: 200, body: "" });
    expect(plain({ "IF-None-Match": "*" })).toMatchObject({ kind: "reply", status: 304, body: "" });
    expect(plain({ "if-match": '"x"' })).toMatchObject({ kind: "reply", status: 412 });
    const refused = plain({ raNge: "bytes=100-" });
    expect(refused).toMatchObject({ kind: "reply", status: 416, headers: { "content-range": "bytes */8" } });
    expect(refused).toHaveProperty("body", expect.stringContaining("416"));
  });

  it("is answered in part when it asks for that", () => {
    const part = ask("/static/file.txt", "GET", mounts, { Range: "bytes=1-2" });
    expect(part).toMatchObject({ kind: "file", plan: { status: 206, parts: [{ start: 1, end: 3 }] } });
  });

  it("tells HEAD no length with a 304", () => {
    const answer = ask("/static/file.txt", "HEAD", mounts, { "If-None-Match": "*" });
    expect(answer).toMatchObject({ status: 304, headers: { etag: expect.any(String) } });
    expect(answer).not.toHaveProperty("headers.content-length");
  });

  it("is answered with 404 when there is no file, and no callback sees it", () => {
    expect(ask("/static/none")).toMatchObject({ kind: "reply", status: 404 });
    expect(ask("/static/")).toMatchObject({ kind: "reply", status: 404 });
    expect(ask("/static/none", "GET", mounts, { "If-Match": '"x"' })).toMatchObject({ status: 404 });
  });

  it.each(["POST", "PUT", "DELETE", "OPTIONS"])(
    "is answered with 405 and Allow when it is a %s",
    (method) => {
      const answer = ask("/static/file.txt", method);
      expect(answer).toMatchObject({ kind: "reply", status: 405, headers: { allow: "GET, HEAD" } });
    },
  );

  it("is redirected to a folder's slash, with its query", () => {
    expect(ask("/static/sub?a=b")).toMatchObject({ status: 301, headers: { location: "/static/sub/?a=b" } });
    expect(ask("/static/sub")).toMatchObject({ status: 301, headers: { location: "/static/sub/" } });
  });

  it("row 74: is found by the path that the file is found by", () => {
    expect(ask("/static/sub/../file.txt")).toMatchObject({ kind: "file" });
    expect(ask("/%73tatic/file.txt")).toMatchObject({ kind: "file" });
  });

  it("is answered with a listing where the mount has them", () => {
    const answer = ask("/static/sub/", "GET", files({ listing: true }));
    expect(answer).toMatchObject({ status: 200, headers: { "content-type": "text/html; charset=utf-8" } });
  });
});

describe("a variant", () => {
  const table = files({ precompressed: true });
  writeFileSync(join(folder, "file.txt.gz"), "gzipped");

  it("is chosen by Accept-Encoding", () => {
    const answer = ask("/static/file.txt", "GET", table, { "Accept-Encoding": "gzip" });
    const headers = { "content-encoding": "gzip", vary: "Accept-Encoding" };
    expect(answer).toMatchObject({ plan: { headers, length: 7 } });
  });

  it("varies in every answer", () => {
    const vary = { headers: { vary: "Accept-Encoding" } };
    expect(ask("/static/file.txt", "GET", table)).toMatchObject({ plan: vary });
    expect(ask("/static/file.txt", "GET", table, { "If-None-Match": "*" })).toMatchObject(vary);
    expect(ask("/static/page.html", "GET", table, { "Accept-Encoding": "*;q=0" })).toMatchObject({
      status: 406,
      ...vary,
    });
  });
});

describe("a fallback", () => {
  const table = files({ fallback: "page.html", precompressed: true });
  const html = { Accept: "text/html,*/*;q=0.8" };

  it("answers for what may be a page, with 200", () => {
    for (const target of ["/static/users/5", "/static/sub/", "/static/", "/static/x?y.z"]) {
      const answer = ask(target, "GET", table, html);
      const headers = { "content-type": "text/html; charset=utf-8", vary: "Accept-Encoding, Accept" };
      expect(answer, target).toMatchObject({ kind: "file", plan: { status: 200, headers } });
    }
    expect(ask("/static/users", "HEAD", table, html)).toMatchObject({ headers: { "content-length": 7 } });
  });

  it("does not answer for a file, a program, another method, or a folder", () => {
    expect(ask("/static/none.js", "GET", table, html)).toMatchObject({ status: 404 });
    expect(ask("/static/.git/x", "GET", table, html)).toMatchObject({ status: 404 });
    expect(ask("/static/users", "GET", table, { Accept: "*/*" })).toMatchObject({
      status: 404,
      headers: { vary: "Accept" },
    });
    expect(ask("/static/users", "POST", table, html)).toMatchObject({ status: 405 });
    expect(ask("/static/sub", "GET", table, html)).toMatchObject({ status: 301 });
  });

  it("is 404 where it is not there, or no file", () => {
    for (const fallback of ["none.html", "sub"]) {
      expect(ask("/static/users", "GET", files({ fallback }), html)).toMatchObject({ status: 404 });
    }
  });

  it("leaves the plan of the file itself as it was", () => {
    ask("/static/users", "GET", table, html);
    expect(ask("/static/page.html", "GET", table)).toMatchObject({
      plan: { headers: { vary: "Accept-Encoding" } },
    });
  });
});

describe("a mount without files", () => {
  const table = new MountTable([
    { mountpoint: "/", origin: folder },
    { mountpoint: "/old", redirect: { status: 308, location: "https://example.com/new" } },
    { mountpoint: "/api", protocol: "api" },
    { mountpoint: "/api/open", pass: true },
  ]);

  it("redirects, whatever the method", () => {
    const answer = { kind: "reply", status: 308, headers: { location: "https://example.com/new" } };
    expect(ask("/old", "GET", table)).toMatchObject(answer);
    expect(ask("/old/x?y", "POST", table)).toMatchObject(answer);
  });

  it("belongs to its protocol, with the path that it was found by", () => {
    expect(ask("//api/./x", "POST", table)).toEqual({ kind: "protocol", name: "api", path: "/api/x" });
  });

  it("lets pass what lies in a hole", () => {
    expect(ask("/api/open/x", "GET", table)).toBeNull();
    expect(ask("/api/opener", "GET", table)).toMatchObject({ kind: "protocol" });
  });
});

describe("a guarded mount", () => {
  const asAnn = { Authorization: `Basic ${Buffer.from("ann:secret").toString("base64")}` };
  const guarded = (check: (user: string, password: string, path: string) => boolean | Promise<boolean>) =>
    files({ auth: { realm: "r", check } });

  it("answers 401 before anything else, and says nothing of what is there", () => {
    const table = guarded(() => false);
    const expected = ask("/static/file.txt", "GET", table);
    expect(expected).toMatchObject({
      status: 401,
      headers: { "www-authenticate": 'Basic realm="r", charset="UTF-8"' },
    });
    expect(ask("/static/none", "GET", table)).toEqual(expected);
    expect(ask("/static/sub", "GET", table)).toEqual(expected);
    expect(ask("/static/file.txt", "POST", table)).toEqual(expected);
    expect(ask("/static/file.txt", "GET", table, asAnn)).toEqual(expected);
    expect(ask("/static/%00", "GET", table)).toMatchObject({ status: 400 });
  });

  it("row 74: lets in whom its check admits, by the path that the file is found by", () => {
    const asked: string[][] = [];
    const table = guarded((...given) => asked.push(given) > 0);
    expect(ask("//static/sub/..//file.txt", "GET", table, asAnn)).toMatchObject({ kind: "file" });
    expect(asked).toEqual([["ann", "secret", "/static/file.txt"]]);
  });

  it.each([
    [true, { kind: "file" }],
    [false, { kind: "reply", status: 401 }],
  ])("waits for a promise of %s, and opens nothing before it is asked to", async (admitted, expected) => {
    const answer = ask(
      "/static/file.txt",
      "GET",
      guarded(() => Promise.resolve(admitted)),
      asAnn,
    );
    if (answer?.kind !== "pending") throw new Error("nothing to wait for");
    const settled = (await answer.answer)();
    if (settled.kind === "file") closeFile(settled.file);
    expect(settled).toMatchObject(expected);
  });

  it("answers 500 to a check that fails, and says why to whoever logs it", async () => {
    const error = new Error("no database");
    const thrown = ask(
      "/static/file.txt",
      "GET",
      guarded(() => {
        throw error;
      }),
      asAnn,
    );
    expect(thrown).toMatchObject({ kind: "reply", status: 500, error });
    const rejected = ask(
      "/static/file.txt",
      "GET",
      guarded(() => Promise.reject(error)),
      asAnn,
    );
    if (rejected?.kind !== "pending") throw new Error("nothing to wait for");
    expect((await rejected.answer)()).toMatchObject({ kind: "reply", status: 500, error });
  });

  it("answers 500 when its passwords cannot be read", () => {
    const file = join(temporaryFolder(), "passwords");
    const table = files({ auth: { realm: "r", file } });
    expect(ask("/static/file.txt", "GET", table, asAnn)).toMatchObject({ status: 500 });
    writeFileSync(file, "ann:secret");
    expect(ask("/static/file.txt", "GET", table, asAnn)).toMatchObject({ kind: "file" });
    rmSync(file);
    expect(ask("/static/file.txt", "GET", table, asAnn)).toMatchObject({ status: 500 });
  });
});

describe("a request that lies in no mount", () => {
  it.each(["/", "/other", "/statics", "/static/../file.txt"])("is left to the protocol: %s", (target) => {
    expect(ask(target)).toBeNull();
  });

  it("is left to the protocol when it is for the server as a whole", () => {
    const everywhere = new MountTable([{ mountpoint: "/", origin: folder }]);
    expect(ask("*", "OPTIONS", everywhere)).toBeNull();
  });

  it("is left to the protocol, whatever its path, when there are no mounts", () => {
    expect(ask("/%00", "GET", new MountTable([]))).toBeNull();
  });
});

describe("row 71: a path that nobody should understand", () => {
  it.each(["/%00", "/static/%00", "/%", "/%zz", "/other/%c0%ae"])("%s is answered with 400", (target) => {
    expect(ask(target)).toMatchObject({ kind: "reply", status: 400 });
  });
});

describe("a file that was looked for", () => {
  const named = (method: string, headers: Record<string, string>) => {
    const answer = answerWith(openNamed(join(folder, "file.txt"), "a/b"), headOf({ method, headers }));
    if (answer.kind === "file") closeFile(answer.file);
    return answer;
  };

  it("becomes a reply whose page says no more than the status", () => {
    const reply = answerWith({ kind: "fault", status: 503 }, headOf({}));
    expect(reply).toMatchObject({ kind: "reply", status: 503 });
    expect(reply).toMatchObject({ headers: { "content-type": "text/html; charset=utf-8" } });
    expect(reply).toHaveProperty("body", expect.stringContaining("503 Service Unavailable"));
  });

  it("has conditions and ranges when the application named it, but not in an answer to a POST", () => {
    expect(named("GET", { "If-None-Match": "*" })).toMatchObject({ status: 304 });
    expect(named("GET", { Range: "bytes=0-1" })).toMatchObject({ plan: { status: 206 } });
    expect(named("POST", { "If-None-Match": "*" })).toMatchObject({ plan: { status: 200 } });
  });
});
