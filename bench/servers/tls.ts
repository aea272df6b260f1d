import { join } from "node:path";

/** What all servers are measured with: the certificate in `folder`, and one cipher. */
export function tlsOptions(folder: string) {
  return {
    cert: join(folder, "cert.pem"),
    key: join(folder, "key.pem"),
    minVersion: "TLSv1.3",
    ciphers: "TLS_AES_128_GCM_SHA256",
  } as const;
}
