import { describe, expect, it } from "vitest";
import { keptHead } from "../../lib/engine/kept-head.ts";
import { DefaultHeaders } from "../../lib/http/outgoing.ts";
import { dateText } from "../../lib/http/response.ts";
import type { Plan } from "../../lib/serve/plan.ts";

const planOf = (headers: Record<string, string> = { "content-type": "a/b", etag: '"x"' }): Plan => ({
  status: 200,
  headers,
  parts: [{ text: "", start: 0, end: 7 }],
  length: 7,
});
const text = (plan: Plan, defaults: DefaultHeaders | null, now: number) =>
  keptHead(plan, defaults).dated(dateText(now)).bytes.toString("latin1");

describe("a head that is kept", () => {
  it("is that of the plan, with the date of the moment", () => {
    const plan = planOf();
    const expected = (date: string) =>
      `HTTP/1.1 200 OK\r\ncontent-type: a/b\r\netag: "x"\r\nDate: ${date}\r\nContent-Length: 7\r\n\r\n`;
    expect(text(plan, null, 0)).toBe(expected("Thu, 01 Jan 1970 00:00:00 GMT"));
    expect(text(plan, null, 1e12)).toBe(expected("Sun, 09 Sep 2001 01:46:40 GMT"));
    expect(text(plan, null, 0)).toBe(expected("Thu, 01 Jan 1970 00:00:00 GMT"));
  });

  it("is encoded once for the same plan and defaults, and anew for others", () => {
    const plan = planOf();
    const defaults = new DefaultHeaders({ "X-Frame-Options": "DENY" });
    const first = keptHead(plan, null);
    expect(keptHead(plan, null)).toBe(first);
    expect(keptHead(planOf(), null)).not.toBe(first);
    expect(text(plan, defaults, 0)).toContain("\r\nX-Frame-Options: DENY\r\n");
    expect(text(plan, null, 0)).not.toContain("X-Frame-Options");
  });

  it("has its date in the right place, though another header looks like it", () => {
    const plan = planOf({ "x-a": "Date: Thu, 01 Jan 1970 00:00:00 GMT" });
    expect(text(plan, null, 1e12)).toBe(
      "HTTP/1.1 200 OK\r\nx-a: Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n" +
        "Date: Sun, 09 Sep 2001 01:46:40 GMT\r\nContent-Length: 7\r\n\r\n",
    );
  });
});
