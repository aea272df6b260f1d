import { expect, test } from "vitest";
import type { SslOptions } from "../../lib/api/tls.ts";
import { Certificates } from "../../lib/engine/certificates.ts";
import type { Listener, ServerTls } from "../../lib/loop/loop.ts";

const pair = { cert: "cert", key: "key" };

/** Loads at once what is called so; the listener writes down what it gets. */
function make(load: (ssl: SslOptions) => Promise<ServerTls> = async (ssl) => ssl as ServerTls) {
  const given: ServerTls[] = [];
  const listener = { setTls: (tls: ServerTls) => given.push(tls) } as unknown as Listener;
  const certificates = new Certificates({ ...pair, minVersion: "TLSv1.3" }, load);
  return { certificates, given, change: (changes = {}) => certificates.change(listener, changes) };
}

test("are loaded again with nothing changed", async () => {
  const { certificates, given, change } = make();
  await change();
  expect(given).toEqual([await certificates.load()]);
});

test("keep what was changed before", async () => {
  const { given, change } = make();
  await change({ sni: { "A.example": pair } });
  await change({ key: "new" });
  expect(given[1]).toEqual({ cert: "cert", key: "new", minVersion: "TLSv1.3", sni: { "a.example": pair } });
});

test("stay what they were where a change is wrong, or does not load", async () => {
  const { certificates, given, change } = make(async (ssl) => {
    if (ssl.key === "broken") throw new Error("ssl.key: broken");
    return ssl as ServerTls;
  });
  await expect(change({ minVersion: "TLSv1" })).rejects.toThrow(/^ssl\.minVersion: /);
  await expect(change({ key: "broken" })).rejects.toThrow("ssl.key: broken");
  expect(given).toEqual([]);
  expect(await certificates.load()).toEqual({ ...pair, minVersion: "TLSv1.3" });
});

test("change one after the other, in the order they were asked", async () => {
  const loaded: ((value: unknown) => void)[] = [];
  const { given, change } = make(async (ssl) => {
    await new Promise((resolve) => loaded.push(resolve));
    return ssl as ServerTls;
  });
  const both = [change({ cert: "first" }), change({ cert: "second" })];
  await new Promise((resolve) => setImmediate(resolve));
  expect(loaded).toHaveLength(1);
  loaded[0](0);
  await both[0];
  await new Promise((resolve) => setImmediate(resolve));
  loaded[1](0);
  await both[1];
  expect(given.map(({ cert }) => cert)).toEqual(["first", "second"]);
});
