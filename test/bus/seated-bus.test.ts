import { describe, expect, it, vi } from "vitest";
import { SeatedBus } from "../../lib/bus/seated-bus.ts";
import { Recorder } from "./recorder.ts";

/** A bus whose opening the test ends. */
class Slow extends SeatedBus {
  readonly log: string[] = [];
  opened: () => void = () => {};
  failed: (error: Error) => void = () => {};

  constructor() {
    super("slow", "slowBus");
  }

  publish(packet: Uint8Array): void {
    this.log.push(`publish ${this.seat.take(packet)}`);
  }

  sentAll(): void {
    this.seat.release(257);
  }

  protected open(): Promise<void> {
    this.log.push("open");
    return new Promise((resolve, reject) => {
      this.opened = resolve;
      this.failed = reject;
    });
  }

  protected dispose(): void {
    this.log.push("dispose");
  }
}

describe("SeatedBus", () => {
  it("is subscribed to when it is open", async () => {
    const bus = new Slow();
    const subscribing = bus.subscribe(new Recorder());
    bus.opened();
    await subscribing;
    bus.publish(Buffer.from("x"));
    expect([bus.log, bus.name, bus.lost]).toEqual([["open", "publish 257"], "slow", 0]);
  });

  it("lets go of everything when it cannot be opened", async () => {
    const bus = new Slow();
    const subscribing = bus.subscribe(new Recorder());
    bus.failed(new Error("nobody there"));
    await expect(subscribing).rejects.toThrow("nobody there");
    expect(bus.log).toEqual(["open", "dispose"]);
  });

  it("waits with closing for what is on its way, half a second at the most", async () => {
    vi.useFakeTimers();
    for (const isSlow of [false, true]) {
      const bus = new Slow();
      const subscribing = bus.subscribe(new Recorder());
      bus.opened();
      await subscribing;
      bus.publish(Buffer.from("x"));
      const closing = bus.close();
      await vi.advanceTimersByTimeAsync(499);
      expect(bus.log).not.toContain("dispose");
      if (isSlow) await vi.advanceTimersByTimeAsync(1);
      else bus.sentAll();
      await closing;
      await bus.close();
      expect(bus.log).toEqual(["open", "publish 257", "dispose"]);
    }
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  it("that is closed while it opens has let go of everything when close resolves", async () => {
    const bus = new Slow();
    const subscribing = bus.subscribe(new Recorder()).catch((error: Error) => error.message);
    const closing = bus.close().then(() => bus.log.push("closed"));
    bus.opened();
    expect(await subscribing).toBe("slowBus: closed while it connected");
    await closing;
    expect(bus.log).toEqual(["open", "dispose", "dispose", "closed"]);
  });
});
