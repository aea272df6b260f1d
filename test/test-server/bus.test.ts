import { expect, it } from "vitest";
import { busOf } from "../../test-server/bus.ts";
import { UsageError } from "../../test-server/program.ts";

it.each([
  ["redis://127.0.0.1:6379", "redis"],
  ["rediss://user:secret@example.com", "redis"],
  ["nats://127.0.0.1:4222", "nats"],
  ["nats://a:4222,nats://b:4222", "nats"],
])("%s is a bus of %s", (address, name) => {
  expect(busOf(address).name).toBe(name);
});

it.each(["", "redis", "http://127.0.0.1/", "redis://", "redis://:port", "kafka://a"])(
  "'%s' is a wrong option that says what is right",
  (address) => {
    expect(() => busOf(address)).toThrow(UsageError);
    expect(() => busOf(address)).toThrow(/^--bus/);
  },
);
