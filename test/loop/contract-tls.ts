import { readFileSync } from "node:fs";
import { connect as tlsConnect } from "node:tls";
import { expect, test } from "vitest";
import { RawClient } from "../support/raw.ts";
import type { OnStage } from "./contract.ts";
import { drive, pattern, serviceSome, serviceUntil } from "./recorder.ts";

const read = (name: string) => readFileSync(new URL(`../support/${name}`, import.meta.url), "utf8");
const tls = { cert: read("cert.pem"), key: read("key.pem") };

/** A client that speaks TLS, once the handshake is done. */
function secureClient(port: number): Promise<RawClient> {
  const socket = tlsConnect({ port, host: "127.0.0.1", ca: tls.cert, checkServerIdentity: () => undefined });
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.once("secureConnect", () => resolve(new RawClient(socket)));
  });
}

/** The same links, encrypted. */
export function tlsContract(stage: OnStage): void {
  test("carries bytes both ways, and says that it is secure", async () => {
    const { loop, arrived } = stage();
    const { port } = await stage().listen({ host: "127.0.0.1", tls });
    const client = await drive(loop, secureClient(port));
    await serviceUntil(loop, () => arrived.length === 1);
    const [{ link }] = arrived;
    expect(link.secure).toBe(true);
    expect(link.remoteAddress).toBe("127.0.0.1");
    void client.send("hello");
    await serviceUntil(loop, () => arrived[0].text === "hello");
    const sent = pattern(6 << 20);
    for (let at = 0; at < sent.length; at += 7777) link.send(sent, at, Math.min(at + 7777, sent.length));
    link.requestWritable();
    const got = await drive(loop, client.bytes(sent.length));
    expect(got.equals(sent)).toBe(true);
    await serviceUntil(loop, () => arrived[0].events.includes("writable"));
    client.end();
    await serviceUntil(loop, () => arrived[0].events.includes("end"));
    link.end();
    await serviceUntil(loop, () => arrived[0].closed);
    expect(arrived[0].error).toBeUndefined();
  });

  test("tells of no link for bytes that are not TLS, and serves on", async () => {
    const { loop, arrived } = stage();
    const { port } = await stage().listen({ host: "127.0.0.1", tls });
    const plain = await RawClient.connect(port);
    await plain.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await drive(loop, plain.closed());
    plain.destroy();
    expect(arrived).toHaveLength(0);
    const client = await drive(loop, secureClient(port));
    await serviceUntil(loop, () => arrived.length === 1);
    client.destroy();
  });

  test("drops a connection that sends no ClientHello in time", async () => {
    const { loop, arrived } = stage();
    const { port } = await stage().listen({ host: "127.0.0.1", tls, handshakeTimeout: 50 });
    const silent = await RawClient.connect(port);
    await drive(loop, silent.closed());
    silent.destroy();
    await serviceSome(loop);
    expect(arrived).toHaveLength(0);
  });

  test("closes while a handshake is going on", async () => {
    const { loop } = stage();
    const { port } = await stage().listen({ host: "127.0.0.1", tls });
    const silent = await RawClient.connect(port);
    await serviceSome(loop);
    await loop.close();
    await silent.closed();
    silent.destroy();
  });

  test("rejects a certificate that is none", async () => {
    const broken = stage().loop.listen({ host: "127.0.0.1", tls: { cert: "no", key: "no" } }, () => null);
    await expect(broken).rejects.toThrow();
  });
}
