import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const CURVE = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1"];

/** A certificate and its key, as files. */
export interface Pair {
  cert: string;
  key: string;
}

/** The same as PEM text. */
export const pemOf = ({ cert, key }: Pair): Pair => ({
  cert: readFileSync(cert, "utf8"),
  key: readFileSync(key, "utf8"),
});

function openssl(...args: string[]): void {
  execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
}

/** A certificate authority in a folder, with the openssl program. */
export class Authority implements Pair {
  readonly cert: string;
  readonly key: string;
  readonly #folder: string;
  #issued = 0;

  constructor(folder: string, name = "Test Authority") {
    this.#folder = folder;
    this.key = this.newKey(`${name}-key.pem`);
    this.cert = join(folder, `${name}.pem`);
    openssl(
      "req",
      "-x509",
      "-new",
      "-key",
      this.key,
      "-subj",
      `/CN=${name}`,
      "-days",
      "30",
      "-out",
      this.cert,
    );
  }

  newKey(file: string): string {
    const key = join(this.#folder, file);
    openssl("genpkey", ...CURVE, "-out", key);
    return key;
  }

  /** @param names - `"DNS:localhost,IP:127.0.0.1"`. Negative days: it has expired. */
  issue(name: string, names = `DNS:${name}`, days = 30): Pair {
    const at = (what: string) => join(this.#folder, `${name.replace("*", "any")}-${this.#issued}-${what}`);
    const [cert, request, extensions] = [at("cert.pem"), at("request.pem"), at("extensions")];
    const key = this.newKey(`${name.replace("*", "any")}-${this.#issued++}-key.pem`);
    writeFileSync(extensions, `subjectAltName=${names}\n`);
    openssl("req", "-new", "-key", key, "-subj", `/CN=${name}`, "-out", request);
    const signed = ["-CA", this.cert, "-CAkey", this.key, "-CAcreateserial", "-days", String(days)];
    openssl("x509", "-req", "-in", request, "-extfile", extensions, ...signed, "-out", cert);
    return { cert, key };
  }

  /** The key of a pair, encrypted. */
  encrypted({ key }: Pair, passphrase: string): string {
    const file = `${key}.encrypted`;
    openssl("pkcs8", "-topk8", "-in", key, "-passout", `pass:${passphrase}`, "-out", file);
    return file;
  }
}
