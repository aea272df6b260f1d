import type { FolderEntry } from "./source.ts";

/** The most entries of a folder that are listed: each is asked about by itself. */
export const MAX_LISTED = 2000;

/** The headers of a listing: it changes without a trace, and has nothing to run or to fetch. */
export const LISTING_HEADERS = Object.freeze({
  "content-type": "text/html; charset=utf-8",
  "cache-control": "no-cache",
  "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
  "x-content-type-options": "nosniff",
});

const STYLE = `:root { color-scheme: light dark; font: 16px/1.6 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.25rem; overflow-wrap: anywhere }
table { width: 100%; border-collapse: collapse }
th { text-align: left }
td, th { padding: .15rem .5rem; border-bottom: 1px solid color-mix(in srgb, currentColor 15%, transparent) }
td:first-child { overflow-wrap: anywhere }
td:nth-child(n + 2) { white-space: nowrap; font-variant-numeric: tabular-nums }
td:nth-child(2), th:nth-child(2) { text-align: right }`;

const byName = new Intl.Collator("en", { numeric: true });

/**
 * A folder as a page of HTML, folders first.
 *
 * @param path - Decoded, with a slash at its end.
 * @param isRoot - There is nothing above it to go to.
 * @param more - There are more entries than these.
 */
export function listingPage(
  path: string,
  entries: readonly FolderEntry[],
  isRoot: boolean,
  more: boolean,
): string {
  const sorted = [...entries].sort(
    (a, b) => Number(b.folder) - Number(a.folder) || byName.compare(a.name, b.name),
  );
  const rows = sorted.map(row);
  if (!isRoot) rows.unshift('<tr><td><a href="../">../</a></td><td></td><td></td></tr>');
  const title = escapeHtml(path);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>
${STYLE}
</style>
<h1>${title}</h1>
<table>
<thead><tr><th scope="col">Name</th><th scope="col">Size</th><th scope="col">Changed (UTC)</th></tr></thead>
<tbody>
${rows.join("\n")}
</tbody>
</table>
${more ? `<p>There are more than ${MAX_LISTED} entries; the others are not listed.</p>\n` : ""}</html>
`;
}

function row({ name, folder, size, mtime }: FolderEntry): string {
  const shown = folder ? `${name}/` : name;
  // "./", because a name with a colon would else begin with a scheme.
  const href = `./${encodeURIComponent(name)}${folder ? "/" : ""}`;
  const changed = new Date(mtime).toISOString();
  const time = `<time datetime="${changed}">${changed.slice(0, 16).replace("T", " ")}</time>`;
  return `<tr><td><a href="${escapeHtml(href)}">${escapeHtml(shown)}</a></td><td>${folder ? "" : sizeText(size)}</td><td>${time}</td></tr>`;
}

/** `0 B`, `1023 B`, `1.5 KiB`, …. */
export function sizeText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (bytes >= 1024 && unit < units.length - 1) {
    bytes /= 1024;
    unit++;
  }
  return `${unit === 0 ? bytes : bytes.toFixed(1)} ${units[unit]}`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text as it may stand in HTML, in an attribute too. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]);
}
