import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer, type TLSSocket, type TlsOptions } from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import { errorCode } from "../../lib/base/errors.ts";
import type { ConnectTls, Link } from "../../lib/loop/loop.ts";
import type { OnStage } from "./contract.ts";
import { drive, Recorder, sendAll, serviceUntil } from "./recorder.ts";
import { authority, ca, files, here, one, stranger } from "./tls-client.ts";

/** The side that connects, against Node's own server. */
export function tlsClientContract(stage: OnStage): void {
  /** A server that echoes; gives its port and who came. */
  async function serve(options: TlsOptions = {}): Promise<{ port: number; came: TLSSocket[] }> {
    const came: TLSSocket[] = [];
    const server = createServer({ ...here, ...options }, (socket) => {
      came.push(socket);
      socket.on("error", () => {});
      socket.pipe(socket);
    });
    server.listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    onTestFinished(() => {
      for (const socket of came) socket.destroy();
      server.close();
    });
    return { port: (server.address() as AddressInfo).port, came };
  }

  function connect(port: number, tls: ConnectTls, host = "127.0.0.1"): Promise<Recorder> {
    const { loop } = stage();
    const recorder = new Recorder();
    const connected = new Promise<Recorder>((resolve, reject) => {
      const onLink = (link: Link) => {
        recorder.link = link;
        resolve(recorder);
        return recorder;
      };
      loop.connect({ host, port, tls, timeout: 5000 }, onLink, reject);
    });
    return drive(loop, connected);
  }

  async function echoes(recorder: Recorder, text = "hello"): Promise<void> {
    sendAll(recorder.link, text);
    await serviceUntil(stage().loop, () => recorder.text === text);
    recorder.link.destroy();
  }

  test.each(["TLSv1.2", "TLSv1.3"] as const)("connects over %s to who is believed", async (maxVersion) => {
    const { port } = await serve({ maxVersion });
    const recorder = await connect(port, { ca });
    expect(recorder.link.secure).toBe(true);
    expect(recorder.link.peerAuthorized).toBe(true);
    expect(recorder.link.peerCertificate?.length).toBeGreaterThan(100);
    await echoes(recorder);
  });

  test("takes authorities from a file, and several", async () => {
    const { port } = await serve();
    await echoes(await connect(port, { ca: authority.cert }));
    await echoes(await connect(port, { ca: [readFileSync(stranger.cert, "utf8"), ca] }));
  });

  test("refuses who is vouched for by another authority", async () => {
    const { port } = await serve();
    const failed = connect(port, { ca: stranger.cert });
    await expect(failed).rejects.toSatisfy((error) => /UNABLE|SELF_SIGNED/.test(errorCode(error)));
    // Of Node's own authorities, neither.
    await expect(connect(port, {})).rejects.toThrow();
  });

  test("refuses a certificate for another name, and takes the name that it is told", async () => {
    const { port, came } = await serve(one);
    const failed = connect(port, { ca });
    await expect(failed).rejects.toSatisfy((error) => errorCode(error) === "ERR_TLS_CERT_ALTNAME_INVALID");
    await echoes(await connect(port, { ca, servername: "one.example" }));
    expect((came.at(-1) as { servername?: string | false }).servername).toBe("one.example");
  });

  test("takes any certificate where nothing is to be verified, and says that it is not believed", async () => {
    const { port } = await serve(one);
    const recorder = await connect(port, { rejectUnauthorized: false });
    expect(recorder.link.peerAuthorized).toBe(false);
    await echoes(recorder);
  });

  test("shows its certificate where it is asked for one", async () => {
    const { port, came } = await serve({ requestCert: true, ca });
    await echoes(await connect(port, { ca, ...files.client }));
    expect(came[0].getPeerCertificate().subject.CN).toBe("a client");
  });

  test.each([
    [
      "of the server is older than it likes",
      { maxVersion: "TLSv1.2" as const },
      { minVersion: "TLSv1.3" as const },
    ],
  ])("fails where the version %s", async (_what, server, client) => {
    const { port } = await serve(server);
    await expect(connect(port, { ca, ...client })).rejects.toThrow(/protocol version|unsupported protocol/);
  });

  test("carries 4 MiB there and back", async () => {
    const { port } = await serve();
    const recorder = await connect(port, { ca });
    const sent = Buffer.alloc(4 << 20, "all of it ");
    let size = 0;
    recorder.onBytes = (_buffer, start, end) => void (size += end - start);
    sendAll(recorder.link, sent);
    await serviceUntil(stage().loop, () => size === sent.length);
    recorder.link.destroy();
  });
}
