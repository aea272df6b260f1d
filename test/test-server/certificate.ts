import { execFileSync } from "node:child_process";
import { join } from "node:path";

/** Makes a certificate for this machine in a folder, as the test server says when it is given none. */
export function makeCertificate(folder: string): { cert: string; key: string } {
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
  const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const files = ["-out", cert, "-keyout", key];
  const args = ["req", "-x509", ...curve, "-nodes", "-days", "30", ...names, ...files];
  execFileSync("openssl", args, { stdio: "ignore" });
  return { cert, key };
}
