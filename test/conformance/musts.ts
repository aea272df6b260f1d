import { describe, expect, it } from "vitest";
import type { ServerOptions } from "../support/server.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { type Conversation, converse, describeEcho, type Kind, startEcho } from "./conversation.ts";

/** One MUST or MUST NOT of RFC 6455 (a SHOULD where it says so), in our own words, and the test that holds us to it. */
export interface Must {
  /** Section, with the number of the list item where there is one: `"4.2.2 /5"`. */
  readonly section: string;
  readonly must: string;
  readonly test: (kind: Kind) => Promise<void> | void;
}

export const must = (section: string, text: string, test: Must["test"]): Must => ({
  section,
  must: text,
  test,
});

/** A MUST that one conversation with the echo server shows. */
export const heard = (
  section: string,
  text: string,
  says: Conversation["says"],
  hears: Conversation["hears"],
  options?: ServerOptions,
): Must => must(section, text, (kind) => converse(kind, { name: text, says, hears }, options));

/** A MUST that is nobody's here, and why. */
export type NotOurs = [section: string, must: string, why: string];

/** Starts an echo server with a recorder; short for the rows. */
export const echoServer = (kind: Kind, options: ServerOptions = {}): Promise<TestServer> =>
  startEcho(kind, options);

/** Starts a server whose protocol is called `test`; short for the rows. */
export const plainServer = ({ loop }: Kind, options: ServerOptions = {}): Promise<TestServer> =>
  startServer({ eventLoop: loop, ...options });

/**
 * Runs the rows on both loops and both ways of receiving. The rows are the table: what stands in it is tested, and each
 * of `sections` has to have a row.
 */
export function describeMusts(
  sections: readonly string[],
  rows: readonly Must[],
  notOurs: readonly NotOurs[] = [],
): void {
  describeEcho(`RFC 6455, sections ${sections[0]} to ${sections.at(-1)}`, (kind) => {
    for (const row of rows) it(`${row.section}: ${row.must}`, () => row.test(kind));
  });
  describeTable(sections, rows, notOurs);
}

/** As `describeMusts`, for rows that need no server and run once. */
export function describeMustsOnce(
  sections: readonly string[],
  rows: readonly Must[],
  notOurs: readonly NotOurs[] = [],
): void {
  describe(`RFC 6455, sections ${sections[0]} to ${sections.at(-1)}`, () => {
    for (const row of rows)
      it(`${row.section}: ${row.must}`, () => row.test({ loop: "node", wholeMessages: false }));
  });
  describeTable(sections, rows, notOurs);
}

const sectionOf = (row: string) => row.split(" ")[0];

/** Checks the table itself: sections in order, none missing, nothing said twice. */
function describeTable(
  sections: readonly string[],
  rows: readonly Must[],
  notOurs: readonly NotOurs[],
): void {
  describe("the table", () => {
    it("has rows for each section, in order", () => {
      expect([...new Set(rows.map((row) => sectionOf(row.section)))]).toEqual(sections);
    });

    it("says nothing twice, and why a MUST is not ours", () => {
      const said = [
        ...rows.map((row) => row.section + row.must),
        ...notOurs.map(([section, text]) => section + text),
      ];
      expect(new Set(said).size).toBe(said.length);
      for (const [section, text, why] of notOurs) expect(why, `${section} ${text}`).not.toBe("");
    });
  });
}
