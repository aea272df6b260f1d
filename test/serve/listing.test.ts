import { describe, expect, it } from "vitest";
import { escapeHtml, LISTING_HEADERS, listingPage, sizeText } from "../../lib/serve/listing.ts";

const entry = (name: string, folder = false) => ({
  name,
  folder,
  size: 1536,
  mtime: Date.UTC(2025, 0, 2, 3, 4, 5),
});
const hrefs = (page: string) => [...page.matchAll(/href="([^"]*)"/g)].map(([, href]) => href);

describe("the listing of a folder", () => {
  it("has folders first, each by name, numbers as numbers", () => {
    const entries = [entry("b10"), entry("b2"), entry("z", true), entry("a", true)];
    expect(hrefs(listingPage("/x/", entries, true, false))).toEqual(["./a/", "./z/", "./b2", "./b10"]);
  });

  it("leads up where there is an up", () => {
    expect(hrefs(listingPage("/x/", [], false, false))).toEqual(["../"]);
  });

  it("has sizes and dates", () => {
    const page = listingPage("/", [entry("f")], true, false);
    expect(page).toContain("<td>1.5 KiB</td>");
    expect(page).toContain('<time datetime="2025-01-02T03:04:05.000Z">2025-01-02 03:04</time>');
  });

  it("says when there are more", () => {
    expect(listingPage("/", [], true, true)).toContain("more than 2000");
    expect(listingPage("/", [], true, false)).not.toContain("more than");
  });

  it("takes no name for HTML, a scheme, or another part of a URL", () => {
    const names = [
      '<script>alert("x")</script>',
      "javascript:alert(1)",
      "a&amp;b",
      "a?b#c%41",
      "'onclick='x",
      "ä b",
    ];
    const page = listingPage(
      '/<img src=x onerror="x">/',
      names.map((name) => entry(name)),
      true,
      false,
    );
    expect(page).not.toMatch(/<script|<img|onclick='x'|href="javascript/);
    const found = hrefs(page).map((href) => new URL(href.replaceAll("&#39;", "'"), "http://h/d/"));
    expect(found.map(({ pathname }) => decodeURIComponent(pathname.slice(3))).sort()).toEqual(
      [...names].sort(),
    );
    expect(found.every(({ search, hash }) => search === "" && hash === "")).toBe(true);
  });

  it("has nothing to run, and knows the dark", () => {
    expect(LISTING_HEADERS["content-security-policy"]).toContain("default-src 'none'");
    expect(listingPage("/", [], true, false)).toContain("color-scheme: light dark");
  });
});

describe("text in HTML", () => {
  it("is escaped", () =>
    expect(escapeHtml(`<a b="c" d='e'>&`)).toBe("&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;"));
});

describe("a size", () => {
  it.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.0 KiB"],
    [1_572_864, "1.5 MiB"],
    [5 * 2 ** 50, "5120.0 TiB"],
  ])("of %i bytes is %s", (bytes, text) => expect(sizeText(bytes)).toBe(text));
});
