import { expect, test } from "vitest";
import type { SslOptions } from "../../lib/api/tls.ts";
import { Certificates, type Others } from "../../lib/engine/certificates.ts";
import type { Listener, ServerTls } from "../../lib/loop/loop.ts";

const pair = { cert: "cert", key: "key" };
const nobody: Others = { load: async () => null };

/** Loads at once what is called so; the listener writes down what it gets. */
function make(load: (ssl: SslOptions) => Promise<ServerTls> = async (ssl) => ssl as ServerTls) {
  const given: ServerTls[] = [];
  const listener = { setTls: (tls: ServerTls) => given.push(tls) } as unknown as Listener;
  const certificates = new Certificates({ ...pair, minVersion: "TLSv1.3" }, load);
  return {
    certificates,
    given,
    change: (changes = {}, others = nobody) => certificates.change(listener, changes, others),
  };
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

test("are others' alone where others serve, and for them to use when all have loaded", async () => {
  const { certificates, given, change } = make();
  const done: string[] = [];
  await change(
    { cert: "new" },
    {
      load: async ({ cert }) => {
        done.push(`loaded ${cert}, have ${certificates.options.cert}`);
        return async () => void done.push(`used, have ${certificates.options.cert}`);
      },
    },
  );
  expect(done).toEqual(["loaded new, have cert", "used, have new"]);
  expect(given).toEqual([]);
});

test("stay what they were where another cannot load them", async () => {
  const { certificates, given, change } = make();
  const others = { load: () => Promise.reject(new Error("child 1: ssl.cert: broken")) };
  await expect(change({ cert: "new" }, others)).rejects.toThrow("child 1: ssl.cert: broken");
  expect(given).toEqual([]);
  expect(certificates.options.cert).toBe("cert");
});
