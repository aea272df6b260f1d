import { expect, it } from "vitest";
import { codedError } from "../../lib/base/errors.ts";
import type { FromChild } from "../../lib/fork/messages.ts";
import { type LoadCertificates, Renewal } from "../../lib/fork/renewal.ts";

const ssl = { cert: "cert", key: "key" };

/** Resolves with so many answers. */
function make(load: LoadCertificates, count: number) {
  const answers: FromChild[] = [];
  let enough = (_: FromChild[]) => {};
  const all = new Promise<FromChild[]>((resolve) => {
    enough = resolve;
  });
  const renewal = new Renewal(load, (answer) => {
    if (answers.push(answer) === count) enough(answers);
  });
  return { renewal, all };
}

it("uses what it has loaded, once it is told so", async () => {
  const done: string[] = [];
  const load: LoadCertificates = async ({ cert }) => {
    done.push(`loaded ${cert}`);
    return () => done.push(`used ${cert}`);
  };
  const { renewal, all } = make(load, 3);
  renewal.asked({ sluice: "load", number: 1, ssl });
  renewal.asked({ sluice: "load", number: 2, ssl: { ...ssl, cert: "other" } });
  renewal.asked({ sluice: "use", number: 3 });
  expect(await all).toEqual([1, 2, 3].map((number) => ({ sluice: "answer", number })));
  expect(done).toEqual(["loaded cert", "loaded other", "used other"]);
});

it("tells why it cannot, and has nothing to use then", async () => {
  const load: LoadCertificates = async () => {
    throw codedError("ERR_SSL_FILE", "ssl.cert: cannot read it");
  };
  const { renewal, all } = make(load, 2);
  renewal.asked({ sluice: "load", number: 1, ssl });
  renewal.asked({ sluice: "use", number: 2 });
  expect(await all).toEqual([
    { sluice: "answer", number: 1, refusal: { code: "ERR_SSL_FILE", message: "ssl.cert: cannot read it" } },
    { sluice: "answer", number: 2, refusal: { code: "", message: "no certificates were loaded" } },
  ]);
});
