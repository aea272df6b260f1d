import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { answerFromMounts, fileOrReply } from "../../lib/engine/static.ts";
import { type RequestHead, readRequest } from "../../lib/http/request-head.ts";
import { MountTable } from "../../lib/serve/mounts.ts";
import { closeFile } from "../../lib/serve/source.ts";
import { httpRequest } from "../support/frames.ts";
import { temporaryFolder } from "../support/server.ts";

const folder = temporaryFolder();
writeFileSync(join(folder, "file.txt"), "contents");
mkdirSync(join(folder, "sub"));

const mounts = new MountTable([{ mountpoint: "/static", origin: folder }]);

/** What the mounts answer to `method target`; a file that was opened is closed again. */
function ask(target: string, method = "GET", table = mounts) {
  const answer = answerFromMounts(table, readRequest(httpRequest({ method, target })) as RequestHead);
  if (answer?.kind === "file") closeFile(answer);
  return answer;
}

describe("a request that lies in a mount", () => {
  it("is answered with the file, by GET and by HEAD", () => {
    const file = { kind: "file", size: 8, contentType: "text/plain; charset=utf-8" };
    expect(ask("/static/file.txt")).toMatchObject(file);
    expect(ask("/static/file.txt?v=1")).toMatchObject(file);
    expect(ask("/static/file.txt", "HEAD")).toMatchObject(file);
  });

  it("is answered with 404 when there is no file, and no callback sees it", () => {
    expect(ask("/static/none")).toMatchObject({ kind: "reply", status: 404 });
    expect(ask("/static/")).toMatchObject({ kind: "reply", status: 404 });
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
  it("becomes a reply whose page says no more than the status", () => {
    const reply = fileOrReply({ kind: "fault", status: 503 });
    expect(reply).toMatchObject({ kind: "reply", status: 503 });
    expect(reply).toMatchObject({ headers: { "content-type": "text/html; charset=utf-8" } });
    expect(reply).toHaveProperty("body", expect.stringContaining("503 Service Unavailable"));
  });
});
