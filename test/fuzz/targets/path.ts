import { posix } from "node:path";
import { encodePath, resolvePath } from "../../../lib/serve/path.ts";
import type { Random } from "../random.ts";
import { check, type Target } from "../target.ts";

const ROOT = "/srv/www";
const PARTS = [
  "/",
  "/",
  "/",
  ".",
  "..",
  "...",
  "a",
  "bc",
  "%2e",
  "%2E",
  "%2f",
  "%5c",
  "%20",
  "%25",
  "%c3%a4",
];
const WRONG = [
  "%",
  "%zz",
  "%00",
  "%c0%ae",
  "%ff",
  "%ed%a0%80",
  "\\",
  "\0",
  "\x7f",
  "?",
  "#",
  "ä",
  "%252e",
  "%0d%0a",
];

/** The meaning of a request's path: whatever comes, the file is below the root. */
export const path: Target = {
  name: "path",
  // Rows 70, 71, 74 and 75 of bad input that others had trouble with.
  seeds: [
    ...["/", "/a/b.txt", "/../x", "/%2e%2e/x", "/..%2fx", "/..%5cx", "/..\\x", "/%252e%252e/x", "/....//x"],
    ...["/sub/../../x", "/../root-sibling/x", "/%00", "/f.txt%00.html", "/%", "/%zz", "/%c0%ae%c0%ae/"],
    ...["//admin/s", "/admin%2Fs", "//evil.example/..", "/a/./b/../c/", "/%C3%A4%20b"],
  ].map((text) => Buffer.from(text)),
  words: [...PARTS, ...WRONG].map((text) => Buffer.from(text)),

  generate(random: Random): Buffer {
    const parts = random.several(12, () => random.pick(random.oneIn(8) ? WRONG : PARTS));
    return Buffer.from(`/${parts.join("")}`);
  },

  run(input: Buffer): Iterable<string> {
    const path = input.toString("latin1");
    const resolved = resolvePath(path);
    if (resolved === null) return kindsOf(path).map((kind) => `null ${kind}`);
    check(/^\/(?!\/)/.test(resolved), "a path begins with one slash");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
    check(!/[\\\x00-\x1f\x7f]/.test(resolved), "a path holds no backslash and no control character");
    check(posix.normalize(resolved) === resolved, "a path has nothing left to resolve");
    const file = posix.join(ROOT, resolved);
    check(file === ROOT + resolved, "a file is below the root");
    const encoded = encodePath(resolved);
    check(/^[!-~]+$/.test(encoded), "an encoded path is visible ASCII");
    check(resolvePath(encoded) === resolved, "a path that was encoded means the same");
    check(resolvePath(encodePath(resolvePath(encoded)!)) === resolved, "resolving settles");
    const segments = Math.min(6, resolved.split("/").length);
    return [
      ...kindsOf(path).map((kind) => `path ${kind}`),
      `${segments} segments`,
      `folder ${resolved.endsWith("/")}`,
    ];
  },
};

const KINDS = ["//", "/.", "/..", "%", "%25", "%2e", "?", "#", "\\", "\0", "ä", "%c3%a4"];

/** What a path holds as it came: two kinds at a time. */
function kindsOf(path: string): string[] {
  const kinds = KINDS.filter((part) => path.includes(part));
  return kinds.flatMap((one, at) => kinds.slice(at).map((other) => `${one} ${other}`));
}
