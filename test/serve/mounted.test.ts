import { execFileSync } from "node:child_process";
import {
  chmodSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { acceptedCodings } from "../../lib/serve/codings.ts";
import { type Mounted, openMounted } from "../../lib/serve/mounted.ts";
import { type MountOptions, MountTable } from "../../lib/serve/mounts.ts";
import { resolvePath } from "../../lib/serve/path.ts";
import { closeFile, FileReader, holds } from "../../lib/serve/source.ts";

let base = "";
let root = "";
const linux = process.platform === "linux";
/** Descriptors of this process; listing them takes one itself, each time. */
const descriptors = () => (linux ? readdirSync("/proc/self/fd").length : 0);
let before = 0;

beforeAll(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), "sluice-source-")));
  root = join(base, "root");
  for (const folder of [
    "root/sub",
    "root/bare",
    "root/a b",
    "root/.git",
    "root/.well-known",
    "root-sibling",
    "outside",
  ]) {
    mkdirSync(join(base, folder), { recursive: true });
  }
  const files = ["root/index.html", "root/f.txt", "root/sub/index.html", "root/a b/index.html", "root/.env"];
  files.push("root/.git/config", "root/.well-known/x", "root-sibling/x", "outside/secret.txt", "root/%2e%2e");
  for (const file of files) writeFileSync(join(base, file), `this is ${file}`);
  writeFileSync(join(root, "empty"), "");
  symlinkSync(join(base, "outside/secret.txt"), join(root, "link.txt"));
  symlinkSync("../outside", join(root, "linked"));
  symlinkSync("../root-sibling", join(root, "sibling"));
  symlinkSync("f.txt", join(root, "inner.txt"));
  symlinkSync("loop", join(root, "loop"));
  symlinkSync(".git", join(root, "data"));
});

afterAll(() => rmSync(base, { recursive: true, force: true }));
beforeEach(() => {
  before = descriptors();
});
afterEach(() => expect(descriptors()).toBe(before));

function open(path: string, options: Partial<MountOptions> = {}): Mounted {
  const resolved = resolvePath(path);
  if (resolved === null) return { kind: "fault", status: 400 };
  const mount = new MountTable([{ mountpoint: "/", origin: root, ...options }]).find(resolved);
  if (mount?.kind !== "files") throw new Error("no mount of files");
  return openMounted(mount, resolved);
}

/** What a path brings: the file's text, a status, or `301` and where to. */
function get(path: string, options: Partial<MountOptions> = {}): string | number {
  const result = open(path, options);
  if (result.kind === "fault") return result.status;
  if (result.kind === "redirect") return `301 ${result.location}`;
  if (result.kind === "listing") return result.page;
  const reader = new FileReader(result.handle, 0, result.size);
  const text = reader.piece.toString("utf8", 0, reader.read());
  reader.close();
  return text;
}

describe("files of a mount", () => {
  it("come with size, time and type", () => {
    const file = open("/f.txt");
    if (file.kind !== "file") throw new Error(file.kind);
    expect(file).toMatchObject({ size: 18, contentType: "text/plain; charset=utf-8" });
    expect(file.mtime).toBe(fstatSync(file.handle).mtimeMs);
    closeFile(file);
  });

  it("take the mount's own types first", () => {
    const file = open("/f.txt", { mimeTypes: { txt: "text/x-own" } });
    if (file.kind !== "file") throw new Error(file.kind);
    expect(file.contentType).toBe("text/x-own");
    closeFile(file);
  });

  it("are below the mountpoint", () => {
    const options = { mountpoint: "/static" };
    expect(get("/static/f.txt", options)).toBe("this is root/f.txt");
    expect(get("/static/", options)).toBe("this is root/index.html");
    expect(get("/static", options)).toBe("301 /static/");
    expect(get("/static/sub", options)).toBe("301 /static/sub/");
  });

  it("are 404 when they are not there, or too long to be", () => {
    expect(get("/nothing")).toBe(404);
    expect(get(`/${"x".repeat(5000)}`)).toBe(404);
    expect(get(`/${"x/".repeat(3000)}`)).toBe(404);
    expect(get("/f.txt", { origin: join(base, "nowhere") })).toBe(404);
  });

  it("row 76: are no folders", () => {
    expect(get("/f.txt/")).toBe(404);
    expect(get("/f.txt/x")).toBe(404);
  });

  it.runIf(linux)("are regular files: a FIFO is 404, and nothing waits for its writer", () => {
    execFileSync("mkfifo", [join(root, "fifo")]);
    expect(get("/fifo")).toBe(404);
  });
});

describe("folders", () => {
  it("give their index, by the name that the mount has for it", () => {
    expect(get("/")).toBe("this is root/index.html");
    expect(get("/sub/")).toBe("this is root/sub/index.html");
    expect(get("/", { index: "f.txt" })).toBe("this is root/f.txt");
    expect(get("/bare/")).toBe(404);
    expect(get("/", { index: "sub" })).toBe(404);
  });

  it("redirect to the slash, encoded", () => {
    expect(get("/sub")).toBe("301 /sub/");
    expect(get("/a%20b")).toBe("301 /a%20b/");
  });

  it("row 75: never redirect to another host", () => {
    mkdirSync(join(root, "evil.example"), { recursive: true });
    expect(get("//evil.example")).toBe("301 /evil.example/");
    expect(get("//evil.example/..")).toBe("this is root/index.html");
    expect(get("//evil.example/../sub")).toBe("301 /sub/");
    expect(get("/\\evil.example")).toBe(400);
    expect(get("/%5cevil.example")).toBe(400);
  });
});

describe("outside of the root", () => {
  it.each([
    "/../outside/secret.txt",
    "/%2e%2e/outside/secret.txt",
    "/..%2foutside/secret.txt",
    "/..%5coutside",
    "/..\\x",
    "/sub/../../outside/secret.txt",
    "/../root-sibling/x",
  ])("row 70: %s is 400", (path) => expect(get(path)).toBe(400));

  it("row 70: what is encoded twice is a name, and so are four dots", () => {
    expect(get("/%252e%252e/x")).toBe(404);
    expect(get("/%252e%252e")).toBe("this is root/%2e%2e");
    expect(get("/....//x")).toBe(404);
  });

  it.each(["/%00", "/f.txt%00.html", "/%", "/%zz", "/%c0%ae%c0%ae/"])("row 71: %s is 400", (path) =>
    expect(get(path)).toBe(400),
  );

  it("row 72: a symbolic link that leaves the root is 404, for a file and for a folder", () => {
    for (const path of ["/link.txt", "/linked", "/linked/", "/linked/secret.txt", "/sibling/x", "/loop"]) {
      expect(get(path), path).toBe(404);
    }
  });

  it("row 72: unless the mount allows it; one that stays inside is served", () => {
    const options = { insecureAllowEscapingLinks: true };
    expect(get("/link.txt", options)).toBe("this is outside/secret.txt");
    expect(get("/linked/secret.txt", options)).toBe("this is outside/secret.txt");
    expect(get("/linked", options)).toBe("301 /linked/");
    expect(get("/inner.txt")).toBe("this is root/f.txt");
  });

  it("serves a root that is a link itself, and follows it when it is put elsewhere", () => {
    const [current, next] = [join(base, "current"), join(base, "next")];
    symlinkSync(root, current);
    expect(get("/f.txt", { origin: current })).toBe("this is root/f.txt");
    symlinkSync(join(base, "root-sibling"), next);
    renameSync(next, current);
    expect(get("/x", { origin: current })).toBe("this is root-sibling/x");
    expect(get("/f.txt", { origin: current })).toBe(404);
  });
});

describe("dotfiles", () => {
  it("row 73: are 404 unless the mount allows them, .well-known apart", () => {
    for (const path of ["/.env", "/.git/config", "/.git", "/sub/.x", "/%2eenv"])
      expect(get(path), path).toBe(404);
    expect(get("/.well-known/x")).toBe("this is root/.well-known/x");
    expect(get("/.env", { dotfiles: true })).toBe("this is root/.env");
    expect(get("/.git/config", { dotfiles: true })).toBe("this is root/.git/config");
  });

  it("may be linked to by another name, which whoever made the link has chosen", () => {
    expect(get("/data/config")).toBe("this is root/.git/config");
  });
});

describe("a folder that may be listed", () => {
  const listing = { listing: true };

  it("is, without what would not be served", () => {
    mkdirSync(join(root, "list/inner"), { recursive: true });
    for (const name of ["b.txt", "<a>.txt", ".secret"]) writeFileSync(join(root, "list", name), "x");
    symlinkSync(join(base, "outside/secret.txt"), join(root, "list/out"));
    const page = String(get("/list/", listing));
    expect([...page.matchAll(/href="([^"]*)"/g)].map(([, href]) => href)).toEqual([
      "../",
      "./inner/",
      "./%3Ca%3E.txt",
      "./b.txt",
    ]);
    expect(get("/list/", { ...listing, dotfiles: true })).toContain("./.secret");
    expect(get("/list/", { ...listing, insecureAllowEscapingLinks: true })).toContain("./out");
  });

  it("is not where there is an index, where it is hidden or outside, or where there is none", () => {
    expect(get("/", listing)).toBe("this is root/index.html");
    expect(get("/list", listing)).toBe("301 /list/");
    for (const path of ["/.git/", "/linked/", "/none/", "/f.txt/"])
      expect(get(path, listing), path).toBe(404);
    expect(get("/", { ...listing, index: "sub" }), "an index that is a folder").toContain("./sub/");
  });

  it("has no way up at the mountpoint", () => {
    expect(get("/m/", { ...listing, mountpoint: "/m", index: "none" })).not.toContain('href="../"');
    expect(get("/m/", { ...listing, mountpoint: "/m", index: "none" })).toContain("<h1>/m/</h1>");
  });
});

describe("Cache-Control", () => {
  const cacheControl = (name: string, options: Partial<MountOptions>) => {
    writeFileSync(join(root, name), "x");
    const file = open(`/${name}`, options);
    if (file.kind !== "file") throw new Error(file.kind);
    closeFile(file);
    return file.cacheControl;
  };
  const YEAR = "max-age=31536000, immutable";

  it("is the mount's, and that of a file which never changes for a name with a hash", () => {
    const options = { cacheControl: "no-cache", immutable: true };
    expect(cacheControl("index-DxY3k9ab.css", options)).toBe(`public, ${YEAR}`);
    expect(cacheControl("app.js", options)).toBe("no-cache");
    expect(cacheControl("index-DxY3k9ab.css", { cacheControl: "no-cache" })).toBe("no-cache");
    expect(cacheControl("app.js", {})).toBeUndefined();
    expect(cacheControl("app.js", { immutable: /^app/ })).toBe(`public, ${YEAR}`);
  });

  it("keeps what one must sign in for out of shared caches", () => {
    const auth = { realm: "r", check: () => true };
    expect(cacheControl("app.js", { immutable: /./, auth })).toBe(`private, ${YEAR}`);
  });
});

describe("compressed variants", () => {
  const OLD = 1_000_000_000;
  const make = (name: string, time = OLD) => {
    writeFileSync(join(root, name), name);
    utimesSync(join(root, name), time, time);
  };
  const serve = (accept: string | undefined, name = "v.js") => {
    const mount = new MountTable([{ mountpoint: "/", origin: root, precompressed: true }]).find("/");
    if (mount?.kind !== "files") throw new Error("no mount of files");
    const file = openMounted(mount, `/${name}`, acceptedCodings(accept));
    if (file.kind !== "file") return file.kind === "fault" ? file.status : file.kind;
    closeFile(file);
    return file;
  };
  const encoding = (accept: string | undefined) => {
    const file = serve(accept);
    return typeof file === "object" ? (file.encoding ?? "identity") : file;
  };
  beforeAll(() => {
    for (const name of ["v.js", "v.js.br", "v.js.gz", "v.js.zst"]) make(name);
    make("lonely.js.br");
  });

  it.each([
    [undefined, "identity"],
    ["gzip, deflate, br, zstd", "br"],
    ["gzip, zstd", "zstd"],
    ["gzip, br;q=0.5", "gzip"],
    ["identity, br;q=0.5", "identity"],
    ["identity;q=0", 406],
    ["gzip, identity;q=0", "gzip"],
    ["deflate", "identity"],
  ])("for a client that takes %s: %s", (accept, coding) => expect(encoding(accept)).toBe(coding));

  it("have the type of the plain file, and a tag of their own", () => {
    const files = [undefined, "br", "gzip", "zstd"].map((accept) => serve(accept));
    expect(new Set(files.map((file) => typeof file === "object" && file.etag)).size).toBe(4);
    for (const file of files) {
      expect(file).toMatchObject({ contentType: "text/javascript; charset=utf-8", vary: "Accept-Encoding" });
    }
  });

  it("are nothing without the plain file, and vary even where there are none", () => {
    expect(serve("br", "lonely.js")).toBe(404);
    expect(serve("br", "f.txt")).toMatchObject({ encoding: undefined, vary: "Accept-Encoding" });
  });

  it("that are older than the plain file are not sent, by whole seconds", () => {
    make("v.js", OLD + 1.5);
    make("v.js.br", OLD + 1);
    expect(encoding("br, gzip")).toBe("br");
    make("v.js.br", OLD);
    expect(encoding("br, gzip")).toBe("identity");
    make("v.js.gz", OLD + 9);
    expect(encoding("br, gzip")).toBe("gzip");
    make("v.js");
  });

  it("that are folders or lead out of the mount are none", () => {
    make("w.js");
    mkdirSync(join(root, "w.js.br"));
    symlinkSync(join(base, "outside/secret.txt"), join(root, "w.js.gz"));
    expect(serve("br, gzip", "w.js")).toMatchObject({ encoding: undefined });
  });
});

describe("files that are kept in memory", () => {
  const folder = () => join(base, "cached");
  const path = (name: string) => join(folder(), name);

  beforeEach(() => {
    rmSync(folder(), { recursive: true, force: true });
    mkdirSync(path("sub/deep"), { recursive: true });
    for (const name of ["f.txt", "sub/deep/f.txt"]) writeFileSync(path(name), "first");
    // A file is kept when it has been left alone for a while, and nobody can set back when it was changed last.
    const now = Date.now();
    vi.spyOn(Date, "now").mockReturnValue(now + 1e6);
  });
  afterEach(() => vi.restoreAllMocks());

  function server(options: Partial<MountOptions> = {}) {
    const mount = new MountTable([{ mountpoint: "/", origin: folder(), ...options }]).find("/");
    if (mount?.kind !== "files") throw new Error("no mount of files");
    /** The text of a file with where it is from, or the status. */
    const serve = (path: string, accept?: string): string | number => {
      const file = openMounted(mount, path, acceptedCodings(accept));
      if (file.kind === "fault") return file.status;
      if (file.kind !== "file") return file.kind;
      if (file.bytes !== null) return `kept ${file.bytes}`;
      const reader = new FileReader(file.handle, 0, file.size);
      const text = reader.piece.toString("utf8", 0, reader.read());
      reader.close();
      return `read ${text}`;
    };
    return { mount, serve };
  }

  it("are the same object each time, and take no descriptor", () => {
    const { mount } = server();
    const [first, second] = [openMounted(mount, "/f.txt"), openMounted(mount, "/f.txt")];
    expect(second).toBe(first);
    expect(first).toMatchObject({ handle: -1, bytes: Buffer.from("first"), settled: true });
  });

  it("are looked at once in a turn", () => {
    const { mount } = server();
    const serve = (turn: number) => {
      const file = openMounted(mount, "/f.txt", undefined, turn);
      if (file.kind === "file") closeFile(file);
      return file.kind === "file" ? `${file.size} bytes` : file.kind;
    };
    expect(serve(1)).toBe("5 bytes");
    expect(serve(1)).toBe("5 bytes");
    rmSync(path("f.txt"));
    expect(serve(1)).toBe("5 bytes");
    expect(serve(2)).toBe("fault");
    expect(serve(2)).toBe("fault");
  });

  it("are those that others do not see: each mount has its own", () => {
    const { mount, serve } = server();
    serve("/f.txt");
    expect(mount.cache.size).toBe(1);
    expect(server().mount.cache.size).toBe(0);
  });

  const replace = (name: string, text: string) => {
    writeFileSync(path("new"), text);
    renameSync(path("new"), path(name));
  };

  it.each<[string, () => void, string | number]>([
    ["replaced by renaming", () => replace("f.txt", "other"), "other"],
    ["written in place, of the same size", () => writeFileSync(path("f.txt"), "other"), "other"],
    ["cut short", () => truncateSync(path("f.txt"), 2), "fi"],
    ["touched", () => utimesSync(path("f.txt"), 1000, 1000), "first"],
    [
      "given an old time again",
      () => {
        const { mtime } = fstatOf(path("f.txt"));
        writeFileSync(path("f.txt"), "other");
        utimesSync(path("f.txt"), mtime, mtime);
      },
      "other",
    ],
    ["deleted", () => rmSync(path("f.txt")), 404],
    [
      "made a folder",
      () => {
        rmSync(path("f.txt"));
        mkdirSync(path("f.txt"));
      },
      "redirect",
    ],
    [
      "made a link to another file of the mount",
      () => {
        rmSync(path("f.txt"));
        writeFileSync(path("g.txt"), "linked");
        symlinkSync("g.txt", path("f.txt"));
      },
      "linked",
    ],
    [
      "made a link out of the mount",
      () => {
        rmSync(path("f.txt"));
        symlinkSync(join(base, "outside/secret.txt"), path("f.txt"));
      },
      404,
    ],
    [
      "moved out of the mount, with a link left behind",
      () => {
        renameSync(path("f.txt"), join(base, "outside/moved"));
        symlinkSync(join(base, "outside/moved"), path("f.txt"));
      },
      404,
    ],
  ])("are looked up anew when the file is %s", (_, change, expected) => {
    const { serve } = server();
    expect([serve("/f.txt"), serve("/f.txt")]).toEqual(["kept first", "kept first"]);
    change();
    const after = serve("/f.txt");
    expect(typeof after === "string" ? after.replace(/^(kept|read) /, "") : after).toBe(expected);
  });

  it.runIf(process.getuid?.() !== 0)("are looked up anew when nobody may read the file any more", () => {
    const { serve } = server();
    serve("/f.txt");
    chmodSync(path("f.txt"), 0);
    expect(serve("/f.txt")).toBe(404);
  });

  it("row 72: are not served when a folder above them has become a link out of the mount", () => {
    const { serve } = server();
    expect([serve("/sub/deep/f.txt"), serve("/sub/deep/f.txt")]).toEqual(["kept first", "kept first"]);
    const outside = join(base, "outside/sub");
    rmSync(outside, { recursive: true, force: true });
    renameSync(path("sub"), outside);
    symlinkSync(outside, path("sub"));
    expect(serve("/sub/deep/f.txt"), "the very same file, by another way").toBe(404);
  });

  it("are no links and lie behind none, unless links may lead anywhere", () => {
    symlinkSync("f.txt", path("link"));
    symlinkSync("sub", path("alias"));
    const strict = server();
    for (const name of ["/link", "/alias/deep/f.txt"]) {
      expect([strict.serve(name), strict.serve(name)]).toEqual(["read first", "read first"]);
    }
    const open = server({ insecureAllowEscapingLinks: true });
    expect([open.serve("/link"), open.serve("/link")]).toEqual(["kept first", "kept first"]);
    writeFileSync(path("other"), "other");
    rmSync(path("link"));
    symlinkSync("other", path("link"));
    expect(open.serve("/link")).toBe("kept other");
  });

  it("are found below an origin that is a link, and follow it elsewhere", () => {
    const [current, next] = [path("current"), path("next")];
    mkdirSync(path("release"));
    writeFileSync(path("release/f.txt"), "release");
    symlinkSync("sub/deep", current);
    const { serve } = server({ origin: current });
    expect(serve("/f.txt")).toBe("kept first");
    symlinkSync("release", next);
    renameSync(next, current);
    expect(serve("/f.txt")).toBe("kept release");
  });

  it("are small, and have been left alone for a while", () => {
    writeFileSync(path("small"), Buffer.alloc(65_536, "x"));
    writeFileSync(path("large"), Buffer.alloc(65_537, "x"));
    const { serve } = server();
    expect(serve("/small")).toMatch(/^kept/);
    expect(serve("/large")).toMatch(/^read/);
    vi.restoreAllMocks();
    writeFileSync(path("fresh"), "fresh");
    expect([serve("/fresh"), serve("/fresh")]).toEqual(["read fresh", "read fresh"]);
  });

  it("have no time that is still to come", () => {
    utimesSync(path("f.txt"), 4e9, 4e9);
    expect(server().serve("/f.txt")).toBe("read first");
  });

  it("are an index as well, and never a redirect or a listing", () => {
    writeFileSync(path("index.html"), "index");
    const { mount, serve } = server({ listing: true });
    expect([serve("/"), serve("/"), serve("/sub"), serve("/sub/")]).toEqual([
      "kept index",
      "kept index",
      "redirect",
      "listing",
    ]);
    expect(mount.cache.size).toBe(1);
    rmSync(path("index.html"));
    expect(serve("/")).toBe("listing");
  });

  describe("in several variants", () => {
    const variants = () => {
      const { serve } = server({ precompressed: true });
      return () => [serve("/f.txt", "br, gzip"), serve("/f.txt", "gzip"), serve("/f.txt")];
    };
    /** As if it had been there long before the file. */
    const plainIsOld = () => utimesSync(path("f.txt"), 1000, 1000);

    it("are each its own", () => {
      writeFileSync(path("f.txt.br"), "br");
      writeFileSync(path("f.txt.gz"), "gz");
      const serve = variants();
      expect([serve(), serve()]).toEqual(Array(2).fill(["kept br", "kept gz", "kept first"]));
    });

    it("are looked up anew when one comes, goes or changes", () => {
      plainIsOld();
      const serve = variants();
      expect(serve()).toEqual(["kept first", "kept first", "kept first"]);
      writeFileSync(path("f.txt.gz"), "gz");
      expect(serve()).toEqual(["kept gz", "kept gz", "kept first"]);
      writeFileSync(path("f.txt.br"), "br");
      expect(serve()).toEqual(["kept br", "kept gz", "kept first"]);
      replace("f.txt.br", "BR");
      expect(serve()).toEqual(["kept BR", "kept gz", "kept first"]);
      rmSync(path("f.txt.br"));
      expect(serve()).toEqual(["kept gz", "kept gz", "kept first"]);
    });

    it("are not sent when the plain file has become newer, or is gone", () => {
      writeFileSync(path("f.txt.br"), "br");
      const serve = variants();
      expect(serve()[0]).toBe("kept br");
      utimesSync(path("f.txt"), 3e9, 3e9);
      expect(serve()[0]).toBe("read first");
      rmSync(path("f.txt"));
      expect(serve()).toEqual([404, 404, 404]);
    });
  });

  it("cost one question for each folder and file", () => {
    const { mount, serve } = server();
    serve("/sub/deep/f.txt");
    const kept = mount.cache.find("/sub/deep/f.txt")!;
    expect(kept.witnesses.map(({ path }) => path.slice(folder().length))).toEqual([
      "/sub/deep/f.txt",
      "/sub",
      "/sub/deep",
    ]);
    expect(kept.witnesses.every(holds)).toBe(true);
  });
});

function fstatOf(path: string) {
  const file = open(path.slice(join(base, "cached").length), { origin: join(base, "cached") });
  if (file.kind !== "file") throw new Error(file.kind);
  closeFile(file);
  return { mtime: file.mtime / 1000 };
}
