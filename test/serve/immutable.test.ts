import { describe, expect, it } from "vitest";
import { hasContentHash } from "../../lib/serve/immutable.ts";

describe("a name with a hash of the contents", () => {
  it.each([
    "index-DxY3k9ab.css", // Vite, Rollup
    "index-B1_x-Z9q.js",
    "index-bXyQwRtZ.js",
    "vendor-a1b2c3d4.js.map",
    "app.3f2a9c1b.js", // webpack, Parcel
    "main.3f2a9c1b.chunk.js",
    "app.3f2a9c1b.min.js",
    "3f2a9c1b4d5e6f708192.png",
    "runtime.3f2a9c1b4d5e6f708192.js",
    "chunk-5KQ3XZ7A.js", // esbuild
    "font-0fa9C2d4.woff2",
  ])("%s is one", (name) => expect(hasContentHash(name)).toBe(true));

  it.each([
    "app.js",
    "index.html",
    "user-settings.js",
    "user-profile1.png",
    "app-download.js",
    "report-20240131.pdf",
    "report-version2.pdf",
    "photo-1024x768.jpg",
    "photo-IMG_1234.jpg",
    "jquery-3.6.0.min.js",
    "bootstrap.bundle.min.js",
    "index-MyWidget.js",
    "index-JSONData.js",
    "my-OVERVIEW.md",
    "3f2a9c1b",
    "app.3f2a9c1.js",
    "xa3f2a9c1b.js",
    "",
  ])("%s is none", (name) => expect(hasContentHash(name)).toBe(false));
});
