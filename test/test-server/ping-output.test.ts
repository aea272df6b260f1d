import { describe, expect, it } from "vitest";
import { PingLog } from "../../test-server/ping-log.ts";
import { replyLine, report } from "../../test-server/ping-output.ts";

describe("a reply's line", () => {
  it("tells size, host, number and time", () => {
    const reply = { sequence: 3, time: 0.1234, duplicate: false };
    expect(replyLine(64, "127.0.0.1", reply)).toBe("64 bytes from 127.0.0.1: seq=3 time=0.123 ms");
  });

  it("marks a duplicate", () => {
    const reply = { sequence: 1, time: 20, duplicate: true };
    expect(replyLine(8, "[::1]", reply)).toBe("8 bytes from [::1]: seq=1 time=20.000 ms (DUP!)");
  });
});

describe("the report", () => {
  it("tells what was lost, how long it took, and how the times are spread", () => {
    const log = new PingLog();
    for (let n = 0; n < 3; n++) log.send(0);
    log.reply(1, 1);
    log.reply(2, 3);
    expect(report("localhost", log, 2000.4)).toBe(
      [
        "",
        "--- localhost ping statistics ---",
        "3 sent, 2 received, 33.3333% loss, time 2000 ms",
        "rtt min/avg/max/mdev = 1.000/2.000/3.000/1.000 ms",
        "rtt p50/p90/p99/p99.9 = 1.000/3.000/3.000/3.000 ms",
      ].join("\n"),
    );
  });

  it("counts duplicates where there are some", () => {
    const log = new PingLog();
    log.send(0);
    for (let n = 0; n < 3; n++) log.reply(1, 1);
    expect(report("a", log, 0)).toContain("\n1 sent, 1 received, +2 duplicates, 0% loss, time 0 ms\n");
  });

  it("has no times where nothing came back, and no loss where nothing was sent", () => {
    const log = new PingLog();
    expect(report("a", log, 0)).toBe("\n--- a ping statistics ---\n0 sent, 0 received, time 0 ms");
    log.send(0);
    expect(report("a", log, 5)).toBe("\n--- a ping statistics ---\n1 sent, 0 received, 100% loss, time 5 ms");
  });
});
