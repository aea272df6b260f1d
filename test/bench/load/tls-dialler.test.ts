import type { AddressInfo } from "node:net";
import { createServer } from "node:tls";
import { afterEach, expect, test } from "vitest";
import { TlsDialler } from "../../../bench/load/tls-dialler.ts";
import type { LinkHandler } from "../../../lib/loop/loop.ts";
import { createNodeLoop } from "../../../lib/loop/node.ts";
import { drive, serviceUntil } from "../../loop/recorder.ts";
import { pemOf } from "../../support/certificates.ts";
import { certificate } from "../../support/server.ts";

const handler: LinkHandler = { onBytes() {}, onEnd() {}, onWritable() {}, onClose() {} };
const loop = createNodeLoop();
afterEach(() => loop.close());

test("dials full handshakes, and one to resume in all others", async () => {
  const resumed: boolean[] = [];
  const server = createServer(pemOf(certificate), (socket) => {
    resumed.push(socket.isSessionReused());
    socket.on("error", () => {}).write("hello");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const options = { host: "127.0.0.1", port: (server.address() as AddressInfo).port, timeout: 5000 };
  for (const handshake of ["full", "resumed"] as const) {
    const dialler = new TlsDialler(loop, handshake);
    for (let i = 0; i < 3; i++) {
      let heard = false;
      const onBytes = () => {
        heard = true;
      };
      const dialled = new Promise((resolve, reject) =>
        dialler.dial(
          options,
          (link) => {
            resolve(link);
            return { ...handler, onBytes };
          },
          reject,
        ),
      );
      await drive(loop, dialled);
      // The ticket comes before the first bytes.
      await serviceUntil(loop, () => heard);
    }
  }
  expect(resumed).toEqual([false, false, false, false, true, true]);
  server.close();
});
