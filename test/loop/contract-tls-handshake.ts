import { randomBytes, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import type { TLSSocket } from "node:tls";
import { describe, expect, test } from "vitest";
import type { ListenOptions, Loop, ServerTls } from "../../lib/loop/loop.ts";
import { RawClient } from "../support/raw.ts";
import type { OnStage } from "./contract.ts";
import { drive, serviceUntil } from "./recorder.ts";
import { any, authority, ca, files, here, newFile, one, sClient, stranger, tlsClient } from "./tls-client.ts";

const read = (file: string) => readFileSync(file, "utf8");
const client = { cert: read(files.client.cert), key: read(files.client.key) };
const unknown = { cert: read(files.unknown.cert), key: read(files.unknown.key) };

/** Who is let in, and as whom. */
export function tlsHandshakeContract(stage: OnStage, create: () => Promise<Loop> | Loop): void {
  const listen = (tls: Partial<ServerTls> = {}, more: ListenOptions = {}) =>
    stage().listen({ host: "127.0.0.1", ...more, tls: { ...here, ...tls } });
  const driven = <T>(promise: Promise<T>) => drive(stage().loop, promise);
  const arrived = (count: number) => serviceUntil(stage().loop, () => stage().arrived.length >= count);

  describe("versions and ciphers", () => {
    test.each([
      ["TLS 1.2", "-tls1_2", "TLSv1.2"],
      ["TLS 1.3", "-tls1_3", "TLSv1.3"],
    ])("speaks %s with openssl s_client", async (_what, flag, version) => {
      const { port } = await listen();
      const text = await driven(sClient(port, [flag, "-verify_return_error"]));
      expect(text).toContain("Verify return code: 0 (ok)");
      expect(text).toContain(`New, ${version}`);
    });

    test.each([
      ["TLS 1.1", {}, ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]],
      ["TLS 1.2 where 1.3 is asked for", { minVersion: "TLSv1.3" as const }, ["-tls1_2"]],
    ])("refuses %s", async (_what, tls, args) => {
      const { port } = await listen(tls);
      const text = await driven(sClient(port, args, "no peer certificate available"));
      expect(text).toMatch(/alert protocol version|no protocols available/);
      expect(stage().arrived).toHaveLength(0);
    });

    test("takes the ciphers that it is told, of both versions", async () => {
      const ciphers = "TLS_AES_256_GCM_SHA384:ECDHE-ECDSA-CHACHA20-POLY1305";
      const { port } = await listen({ ciphers });
      const names: string[] = [];
      for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const)
        names.push((await driven(tlsClient(port, { maxVersion }))).tls.getCipher().name);
      expect(names).toEqual(["ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_AES_256_GCM_SHA384"]);
    });

    test("agrees on http/1.1, and refuses who speaks other protocols only", async () => {
      const { port } = await listen();
      const both = await driven(tlsClient(port, { ALPNProtocols: ["h2", "http/1.1"] }));
      expect(both.tls.alpnProtocol).toBe("http/1.1");
      expect((await driven(tlsClient(port))).tls.alpnProtocol).toBe(false);
      await expect(driven(tlsClient(port, { ALPNProtocols: ["h2"] }))).rejects.toThrow(
        /no application protocol/,
      );
      expect(stage().arrived).toHaveLength(2);
    });

    test("refuses renegotiation", async () => {
      const { port } = await listen();
      const text = await driven(sClient(port, ["-tls1_2"], "no renegotiation", "R\n"));
      expect(text).toContain("RENEGOTIATING");
      expect(text).toContain("no renegotiation");
    });
  });

  describe("names (SNI)", () => {
    const sni = { "one.example": one, "*.any.example": any };

    test.each([
      ["one.example", "one.example"],
      ["ONE.Example", "one.example"],
      ["a.any.example", "*.any.example"],
      ["any.example", "localhost"],
      ["a.b.any.example", "localhost"],
      ["two.example", "localhost"],
      ["", "localhost"],
    ])("shows to a client that asks for %j the certificate of %j", async (servername, name) => {
      const { port } = await listen({ sni });
      const { tls } = await driven(tlsClient(port, { servername }));
      expect(tls.getPeerCertificate().subject.CN).toBe(name);
    });
  });

  describe("client certificates", () => {
    const asking = { ca: [ca], requestCert: true, rejectUnauthorized: true };

    test.each(["TLSv1.2", "TLSv1.3"] as const)(
      "are told in DER, and believed, over %s",
      async (maxVersion) => {
        const { port } = await listen(asking);
        await driven(tlsClient(port, { ...client, maxVersion }));
        await arrived(1);
        const [{ link }] = stage().arrived;
        expect(Buffer.from(link.peerCertificate!)).toEqual(new X509Certificate(client.cert).raw);
        expect(link.peerAuthorized).toBe(true);
      },
    );

    test.each([
      ["none", {}],
      ["one of another authority", unknown],
    ])("that are missing or not believed end the handshake: %s", async (_what, shown) => {
      const { port } = await listen(asking);
      for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
        // In TLS 1.3 the client is done before the server has looked.
        const peer = await driven(tlsClient(port, { ...shown, maxVersion }).catch(() => null));
        if (peer !== null) await driven(peer.closed());
      }
      expect(stage().arrived).toHaveLength(0);
    });

    test.each([
      ["none", {}, false],
      ["one of another authority", unknown, true],
    ])("need not be believed where all are taken: %s", async (_what, shown, has) => {
      const { port } = await listen({ ...asking, rejectUnauthorized: false });
      await driven(tlsClient(port, shown));
      await arrived(1);
      const [{ link }] = stage().arrived;
      expect(link.peerAuthorized ?? false).toBe(false);
      expect(link.peerCertificate !== undefined).toBe(has);
    });

    test("are believed by nobody's word when no authority is named", async () => {
      const { port } = await listen({ requestCert: true, rejectUnauthorized: false });
      await driven(tlsClient(port, client));
      await arrived(1);
      expect(stage().arrived[0].link.peerAuthorized ?? false).toBe(false);
    });

    test("are not there where none was asked for", async () => {
      const { port } = await listen();
      await driven(tlsClient(port, client));
      await arrived(1);
      expect(stage().arrived[0].link.peerCertificate).toBeUndefined();
      expect(stage().arrived[0].link.peerAuthorized ?? false).toBe(false);
    });

    test("that were not shown are not believed when the session is resumed", async () => {
      const { port } = await listen({ ...asking, rejectUnauthorized: false });
      const session = await resumable(port, {});
      const again = await driven(tlsClient(port, { session }));
      expect(again.tls.isSessionReused()).toBe(true);
      await arrived(2);
      expect(stage().arrived[1].link.peerAuthorized ?? false).toBe(false);
    });

    test("are known again when the session is resumed", async () => {
      const { port } = await listen(asking);
      const session = await resumable(port, client);
      const again = await driven(tlsClient(port, { ...client, session }));
      expect(again.tls.isSessionReused()).toBe(true);
      await arrived(2);
      expect(stage().arrived[1].link.peerAuthorized).toBe(true);
      expect(Buffer.from(stage().arrived[1].link.peerCertificate!)).toEqual(
        new X509Certificate(client.cert).raw,
      );
    });
  });

  /** A session of a client that has been connected; it is closed again. */
  async function resumable(port: number, options: object): Promise<Buffer> {
    const first = await driven(tlsClient(port, options));
    const session = await driven(ticketOf(first.tls));
    first.destroy();
    return session;
  }

  describe("sessions", () => {
    test.each(["TLSv1.2", "TLSv1.3"] as const)("of %s are resumed", async (maxVersion) => {
      const { port } = await listen();
      const session = await resumable(port, { maxVersion });
      const again = await driven(tlsClient(port, { maxVersion, session }));
      expect(again.tls.isSessionReused()).toBe(true);
      await again.send("hello");
      await serviceUntil(stage().loop, () => stage().arrived[1]?.text === "hello");
    });

    test("are resumed with openssl s_client", async () => {
      const { port } = await listen();
      const file = newFile(`session-${port}`);
      // The ticket comes before the answer.
      const first = sClient(port, ["-sess_out", file], "answer", "hello\n");
      await arrived(1);
      const [{ link }] = stage().arrived;
      link.send(Buffer.from("answer"), 0, 6);
      await driven(first);
      expect(await driven(sClient(port, ["-sess_in", file]))).toContain("Reused, TLSv1.3");
    });

    test("are resumed by another loop that has the same ticket keys, and by no other", async () => {
      const ticketKeys = randomBytes(48);
      const { port } = await listen({ ticketKeys });
      const session = await resumable(port, {});
      const other = await create();
      const results: boolean[] = [];
      for (const keys of [ticketKeys, randomBytes(48)]) {
        const tls = { ...here, ticketKeys: keys };
        const listener = await other.listen({ host: "127.0.0.1", tls }, () => ({
          onBytes() {},
          onEnd() {},
          onWritable() {},
          onClose() {},
        }));
        const peer = await drive(other, tlsClient(listener.port, { session }));
        results.push(peer.tls.isSessionReused());
        peer.destroy();
      }
      await other.close();
      expect(results).toEqual([true, false]);
    });
  });

  describe("other certificates", () => {
    test("are for new links; those that are open go on, and sessions are resumed", async () => {
      const listener = await listen();
      const old = await driven(tlsClient(listener.port));
      const session = await driven(ticketOf(old.tls));
      listener.setTls!({ ...one, sni: { "a.any.example": any } });
      const name = async (options = {}) => {
        const { tls } = await driven(tlsClient(listener.port, options));
        return tls.isSessionReused() ? "resumed" : tls.getPeerCertificate().subject.CN;
      };
      expect(await name()).toBe("one.example");
      expect(await name({ servername: "a.any.example" })).toBe("*.any.example");
      expect(await name({ session })).toBe("resumed");
      await old.send("still here");
      await serviceUntil(stage().loop, () => stage().arrived[0].text === "still here");
    });

    test("that do not load leave the old ones", async () => {
      const listener = await listen();
      expect(() => listener.setTls!({ ...here, key: one.key })).toThrow(/key values mismatch/);
      expect(() => listener.setTls!({ ...here, sni: { "one.example": { ...one, cert: "no" } } })).toThrow();
      const { tls } = await driven(tlsClient(listener.port));
      expect(tls.getPeerCertificate().subject.CN).toBe("localhost");
    });

    test("let nobody resume who was believed by rules that are gone", async () => {
      const rules = { requestCert: true, rejectUnauthorized: true };
      const listener = await listen({ ...rules, ca: [ca] });
      const session = await resumable(listener.port, client);
      listener.setTls!({ ...here, ...rules, ca: [read(stranger.cert)] });
      const before = stage().arrived.length;
      const again = await driven(tlsClient(listener.port, { ...client, session }).catch(() => null));
      if (again !== null) await driven(again.closed());
      expect(stage().arrived).toHaveLength(before);
    });
  });

  describe("a peer without TLS", () => {
    test("gets a link that is not secure, where that is allowed", async () => {
      const { port } = await listen({ allowPlain: true });
      const plain = await RawClient.connect(port);
      void plain.send("GET / HTTP/1.1\r\n");
      await serviceUntil(stage().loop, () => stage().arrived[0]?.text === "GET / HTTP/1.1\r\n");
      const [{ link }] = stage().arrived;
      expect(link.secure).toBe(false);
      link.send(Buffer.from("plain"), 0, 5);
      expect(String(await driven(plain.bytes(5)))).toBe("plain");
      plain.end();
      await serviceUntil(stage().loop, () => stage().arrived[0].events.includes("end"));
      plain.destroy();
    });

    test("does not disturb those that speak it", async () => {
      const { port } = await listen({ allowPlain: true });
      const peer = await driven(tlsClient(port));
      await arrived(1);
      expect(stage().arrived[0].link.secure).toBe(true);
      await peer.send("hello");
      await serviceUntil(stage().loop, () => stage().arrived[0].text === "hello");
    });
  });

  test("shows the chain to whoever knows the root only", async () => {
    const chain = { cert: here.cert + read(authority.cert), key: here.key };
    const { port } = await listen(chain);
    const text = await driven(sClient(port, ["-showcerts"]));
    expect(text.match(/BEGIN CERTIFICATE/g)?.length).toBeGreaterThanOrEqual(2);
  });
}

function ticketOf(tls: TLSSocket): Promise<Buffer> {
  // Of TLS 1.2 the ticket came in the handshake.
  if (tls.getProtocol() === "TLSv1.2") return Promise.resolve(tls.getSession()!);
  return new Promise((resolve) => tls.once("session", resolve));
}
