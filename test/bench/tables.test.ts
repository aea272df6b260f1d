import { describe, expect, test } from "vitest";
import { detailTables, replaceMarked, summaryTable, summaryText } from "../../bench/tables.ts";
import { filesReport, report } from "./report.ts";

describe("summaryTable", () => {
  test("has a row for each case in the order of the cases, and the ratio to ws", () => {
    expect(summaryTable(report).split("\n")).toEqual([
      "|  | sluice-epoll | ws |",
      "| --- | ---: | ---: |",
      "| echo, 20 B: messages per second of server CPU time | 150 k (3.0×) | 50.0 k |",
      "| idle session, memory: resident memory per session | 1.00 KiB (6.0×) | 6.00 KiB |",
    ]);
  });

  test("leaves out the ratio where ws was not measured", () => {
    const alone = { ...report, results: report.results.filter(({ server }) => server !== "ws") };
    expect(summaryTable(alone)).toContain("| 150 k |");
  });
});

describe("detailTables", () => {
  test("has a block for each case and marks a rate that may be the generator's limit", () => {
    const [echo, idle] = detailTables(report).split("\n\n");
    expect(echo).toMatch(/^echo-20: echo, 20 B \(messages per second of server CPU time\)\n/);
    expect(echo).toMatch(/^sluice-epoll +150 k +3\.0× +150 k +140 k\* /m);
    expect(echo).toMatch(/^ws +50\.0 k +1\.0× +50\.0 k +49\.0 k /m);
    expect(idle).toMatch(/^idle: /);
  });
});

describe("of files over HTTP", () => {
  test("the tables compare with node-http, and tell bytes for each second of CPU time", () => {
    expect(detailTables(filesReport)).toMatch(/^ +figure +vs node-http +per s CPU +bytes per s CPU /m);
    expect(detailTables(filesReport)).toMatch(/^sluice-epoll +300 +3\.0× +300 +3\.00 GiB /m);
  });

  test("the summary says what puts the load on", () => {
    expect(summaryText(filesReport)).toContain("| 300 (3.0×) | 100 |");
    expect(summaryText(filesReport)).toContain("better than node-http in the same run.");
    expect(summaryText(filesReport)).toContain(", load by wrk, 5 × 2 s, medians, ");
    expect(summaryText(report)).not.toContain("load by");
  });
});

describe("replaceMarked", () => {
  test("replaces what stands between the markers, and nothing else", () => {
    const document = "# A\n\n<!-- bench -->\nold\n<!-- /bench -->\n\nrest\n";
    expect(replaceMarked(document, "bench", "new")).toBe(
      "# A\n\n<!-- bench -->\n\nnew\n\n<!-- /bench -->\n\nrest\n",
    );
  });

  test("takes a second marker of the same kind for the end", () => {
    expect(replaceMarked("<!-- bench -->\n<!-- bench -->", "bench", "new")).toBe(
      "<!-- bench -->\n\nnew\n\n<!-- bench -->",
    );
  });

  test("keeps the markers of the suites apart", () => {
    const both = "<!-- bench -->\n<!-- /bench -->\n<!-- bench: files -->\n<!-- /bench: files -->\n";
    expect(replaceMarked(both, "bench: files", "new")).toBe(
      "<!-- bench -->\n<!-- /bench -->\n<!-- bench: files -->\n\nnew\n\n<!-- /bench: files -->\n",
    );
    expect(replaceMarked(both, "bench", "new")).toContain("<!-- bench: files -->\n<!-- /bench: files -->");
  });

  test("may be done again with the same result", () => {
    const once = replaceMarked("<!-- bench -->\n<!-- /bench -->\n", "bench", summaryText(report))!;
    expect(replaceMarked(once, "bench", summaryText(report))).toBe(once);
  });

  test("takes $ for what it is", () => {
    expect(replaceMarked("<!-- bench -->\n<!-- /bench -->", "bench", "$1 $&")).toContain("\n$1 $&\n");
  });

  test("gives null for a document without markers", () => {
    expect(replaceMarked("# A\n", "bench", "new")).toBeNull();
  });
});
