import { afterEach, beforeEach, vi } from "vitest";

/** Lets the wall clock be ten seconds on in the tests of a suite: files that were just written are trusted, and kept. */
export function letFilesSettle(): void {
  beforeEach(() => {
    const now = Date.now.bind(Date);
    vi.spyOn(Date, "now").mockImplementation(() => now() + 10_000);
  });
  afterEach(() => void vi.restoreAllMocks());
}
