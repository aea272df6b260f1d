import { rmSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { loadOpenssl } from "../../../lib/loop/epoll/openssl.ts";
import { clientContext } from "../../../lib/loop/epoll/tls-context.ts";
import { trustRoots } from "../../../lib/loop/epoll/tls-roots.ts";
import { Authority } from "../../support/certificates.ts";
import { temporaryFolder } from "../../support/server.ts";
import { childBuild, runChild } from "./child.ts";

afterAll(() => rmSync(childBuild, { recursive: true, force: true }));

test("loads the roots once, for all contexts", () => {
  let stores = 0;
  const openssl = loadOpenssl();
  const counting = { ...openssl, newStore: () => ++stores };
  const context = clientContext(openssl, {});
  trustRoots(counting, context.address);
  trustRoots(counting, context.address);
  expect(stores).toBe(0);
  expect(openssl.takeError()).toBe(0);
  context.release();
});

/** Prints whether a connection to a server of an authority of our own is believed without being told of it. */
const asking = (cert: string, key: string) => `
  import { readFileSync } from "node:fs";
  const tls = { cert: readFileSync(${JSON.stringify(cert)}, "utf8"), key: readFileSync(${JSON.stringify(key)}, "utf8") };
  const handler = { onBytes() {}, onEnd() {}, onWritable() {}, onClose() {} };
  const loop = createEpollLoop();
  const { port } = await loop.listen({ host: "127.0.0.1", tls }, () => handler);
  void loop.run();
  const told = await new Promise((resolve) => {
    const options = { host: "127.0.0.1", port, tls: { servername: "localhost" }, timeout: 5000 };
    loop.connect(options, (link) => (resolve(link.peerAuthorized), handler), (error) => resolve(error.code));
  });
  console.log(told);
  await loop.close();`;

test("believes whom NODE_EXTRA_CA_CERTS names, and nobody else unknown", async () => {
  const authority = new Authority(temporaryFolder());
  const { cert, key } = authority.issue("localhost");
  const script = asking(cert, key);
  expect(await runChild(script)).toBe("UNABLE_TO_VERIFY_LEAF_SIGNATURE");
  expect(await runChild(script, `NODE_EXTRA_CA_CERTS="${authority.cert}"`)).toBe("true");
  expect(await runChild(script, "NODE_EXTRA_CA_CERTS=/no/such/file")).toBe("UNABLE_TO_VERIFY_LEAF_SIGNATURE");
});
