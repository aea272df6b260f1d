/** The browser that tests drive: Debian's, unless CHROMIUM names another one. */
export const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

/** It shows nothing, and talks to nobody but the pages that a test opens. */
export const ARGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
