import { describe, expect, it } from "vitest";
import { PingLog, WINDOW } from "../../test-server/ping-log.ts";

describe("the log of pings", () => {
  it("numbers them from one, and takes the time of each", () => {
    const log = new PingLog();
    expect(log.send(1000)).toBe(1);
    expect(log.send(2000)).toBe(2);
    expect(log.reply(2, 2005)).toEqual({ sequence: 2, time: 5, duplicate: false });
    expect(log.reply(1, 2010)).toEqual({ sequence: 1, time: 1010, duplicate: false });
    expect(log).toMatchObject({ sent: 2, received: 2, duplicates: 0 });
  });

  it("counts a reply that came already as a duplicate, and its time as any other", () => {
    const log = new PingLog();
    log.send(0);
    log.reply(1, 1);
    expect(log.reply(1, 3)).toEqual({ sequence: 1, time: 3, duplicate: true });
    expect(log).toMatchObject({ sent: 1, received: 1, duplicates: 1 });
    expect(log.times.average).toBe(2);
  });

  it("takes no reply to what was never sent", () => {
    const log = new PingLog();
    log.send(0);
    for (const sequence of [0, 2, -1, 2 ** 53]) expect(log.reply(sequence, 1)).toBeUndefined();
    expect(log.received).toBe(0);
  });

  it("forgets a ping that lies too far back", () => {
    const log = new PingLog();
    for (let n = 0; n <= WINDOW; n++) log.send(n);
    expect(log.reply(1, WINDOW)).toBeUndefined();
    expect(log.reply(2, WINDOW)).toEqual({ sequence: 2, time: WINDOW - 1, duplicate: false });
    expect(log.reply(WINDOW + 1, WINDOW)).toEqual({ sequence: WINDOW + 1, time: 0, duplicate: false });
  });
});
