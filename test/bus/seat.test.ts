import { beforeEach, describe, expect, it } from "vitest";
import { errorCode } from "../../lib/base/errors.ts";
import { Seat } from "../../lib/bus/seat.ts";
import { Recorder } from "./recorder.ts";

const packet = Buffer.from("x");

describe("Seat", () => {
  let seat: Seat;
  let heard: Recorder;
  beforeEach(() => {
    seat = new Seat("a bus", 1000);
    heard = new Recorder();
  });
  const taken = () => {
    seat.enter(heard);
    seat.arrive();
  };

  it("tells each change of state once, and not that it is up at first", () => {
    taken();
    seat.up();
    seat.down(new Error("one"));
    seat.down(new Error("two"));
    seat.up();
    seat.up();
    expect(heard.states).toEqual(["down", "up"]);
    expect(heard.errors.map((error) => error.message)).toEqual(["one"]);
  });

  it("is not down before it arrived", () => {
    seat.enter(heard);
    seat.down(new Error("early"));
    seat.up();
    seat.arrive();
    expect(heard.states).toEqual([]);
  });

  it("has one receiver, once", () => {
    taken();
    expect(() => seat.enter(heard)).toThrow("a bus: a bus is subscribed to once");
    seat.leave();
    expect(() => seat.enter(heard)).toThrow("subscribed to once");
  });

  it("cannot be arrived at after it was left", () => {
    seat.enter(heard);
    seat.leave();
    expect(() => seat.arrive()).toThrow("a bus: closed while it connected");
    expect(seat.isGone).toBe(true);
  });

  it("takes packets while it is up, and loses them while it joins or is down", () => {
    expect([seat.take(packet), seat.lost]).toEqual([0, 0]);
    seat.enter(heard);
    expect([seat.take(packet), seat.lost]).toEqual([0, 1]);
    seat.arrive();
    expect([seat.take(packet), seat.lost]).toEqual([257, 1]);
    const why = new Error("gone");
    seat.down(why);
    expect([seat.take(packet), seat.lost]).toEqual([0, 2]);
    seat.leave();
    expect([seat.take(packet), seat.lost]).toEqual([0, 2]);
    // The last loss is told at the end, with the reason for the absence.
    expect([heard.lost, heard.errors.at(-1)?.cause]).toEqual([2, why]);
  });

  it("loses what is above its backlog, until there is room", () => {
    taken();
    const cost = seat.take(Buffer.alloc(700));
    expect([seat.take(packet), seat.lost, errorCode(heard.errors[0])]).toEqual([0, 1, "ENOBUFS"]);
    seat.release(cost);
    expect(seat.take(packet)).toBe(257);
  });

  it("is silent once it is left", () => {
    taken();
    seat.packet(packet);
    expect([seat.leave(), seat.leave()]).toEqual([true, false]);
    seat.packet(packet);
    seat.down(new Error("late"));
    seat.lose(new Error("late"));
    expect([heard.packets, heard.states, heard.lost]).toEqual([[packet], [], 0]);
  });

  it("serves a receiver that does not want to know of losses", () => {
    seat.enter({ onPacket: () => {}, onState: () => {} });
    seat.lose(new Error("lost"));
    expect(seat.lost).toBe(1);
    seat.leave();
  });
});
