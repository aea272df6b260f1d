import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { readPem } from "../../lib/loop/pem.ts";
import { certificate } from "../support/server.ts";

it("takes PEM text as it stands, and reads the file that is named", async () => {
  const text = readFileSync(certificate.cert, "utf8");
  expect(await readPem(text, "cert")).toBe(text);
  expect(await readPem(certificate.cert, "cert")).toBe(text);
});

it("says which field names a file that cannot be read", async () => {
  await expect(readPem("/nowhere/at.all", "key")).rejects.toMatchObject({
    code: "ERR_SSL_FILE",
    message: expect.stringMatching(/^ssl\.key: cannot read "\/nowhere\/at\.all": ENOENT/),
  });
});
