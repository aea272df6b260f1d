import { rmSync } from "node:fs";
import { expect, test } from "vitest";
import { SUITES } from "../../bench/cases.ts";
import { hasProgram } from "../../bench/processes.ts";
import { findTlsServers, makeCertificate } from "../../bench/tls-servers.ts";

test("findTlsServers has the reference where a certificate can be made, and says why not elsewhere", () => {
  const without = findTlsServers(null);
  expect(without.servers).toEqual([]);
  expect(without.missing.join()).toContain("openssl");
  const folder = makeCertificate();
  expect(folder === null).toBe(!hasProgram("openssl"));
  if (folder === null) return;
  const { servers, missing } = findTlsServers(folder);
  expect(servers.map(({ name }) => name)).toContain(SUITES.tls.reference);
  expect(servers[0].command(1234).slice(-2)).toEqual(["1234", folder]);
  expect(missing).toEqual([]);
  rmSync(folder, { recursive: true });
});
