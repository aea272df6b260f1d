import { describe, expect, it } from "vitest";
import { errorCode } from "../../lib/base/errors.ts";
import { Backlog } from "../../lib/bus/backlog.ts";

describe("Backlog", () => {
  it("counts each packet with 256 bytes more", () => {
    const backlog = new Backlog("a bus", 1000);
    expect(backlog.take(Buffer.alloc(100))).toBe(356);
    expect(backlog.take(Buffer.alloc(0))).toBe(256);
    expect(backlog.take(Buffer.alloc(133))).toBe(0);
    expect(backlog.take(Buffer.alloc(132))).toBe(388);
  });

  it("has room again for what was released", () => {
    const backlog = new Backlog("a bus", 300);
    const cost = backlog.take(Buffer.alloc(44));
    expect(backlog.take(Buffer.alloc(0))).toBe(0);
    backlog.release(cost);
    expect(backlog.take(Buffer.alloc(45))).toBe(0);
    expect(backlog.take(Buffer.alloc(44))).toBe(300);
  });

  it("tells when nothing is on its way", async () => {
    const backlog = new Backlog("a bus", 1000);
    await backlog.empty();
    const costs = [backlog.take(Buffer.alloc(1)), backlog.take(Buffer.alloc(2))];
    const told: string[] = [];
    const empty = backlog.empty().then(() => told.push("empty"));
    backlog.release(costs[0]);
    await Promise.resolve();
    told.push("one is left");
    backlog.release(costs[1]);
    await empty;
    expect(told).toEqual(["one is left", "empty"]);
  });

  it("names the limit", () => {
    const error = new Backlog("a bus", 300).error();
    expect(error.message).toBe("a bus: too much is on its way already, maxBacklog is 300 bytes");
    expect(errorCode(error)).toBe("ENOBUFS");
  });
});
