import { afterEach, expect, it, vi } from "vitest";
import type { FromParent } from "../../lib/fork/messages.ts";
import { Questions } from "../../lib/fork/questions.ts";

afterEach(() => void vi.useRealTimers());

const ssl = { cert: "cert", key: "key" };

function make() {
  const sent: FromParent[] = [];
  return { sent, questions: new Questions((message) => sent.push(message)) };
}

it("numbers what it asks, and takes the answers in any order", async () => {
  const { sent, questions } = make();
  const load = questions.ask({ sluice: "load", ssl });
  const use = questions.ask({ sluice: "use" });
  expect(sent).toEqual([
    { sluice: "load", ssl, number: 1 },
    { sluice: "use", number: 2 },
  ]);
  questions.answered(2);
  await use;
  questions.answered(1, { code: "ERR_SSL_FILE", message: "ssl.cert: cannot read it" });
  await expect(load).rejects.toMatchObject({ code: "ERR_SSL_FILE", message: "ssl.cert: cannot read it" });
});

it("does not mind an answer to nothing", () => {
  make().questions.answered(7, { code: "", message: "who asked?" });
});

it("waits for no child that is gone", async () => {
  const { questions } = make();
  const both = [questions.ask({ sluice: "use" }), questions.ask({ sluice: "use" })];
  questions.gone();
  await Promise.all(both);
});

it("waits 10 s for one that does not answer", async () => {
  vi.useFakeTimers();
  const { questions } = make();
  const refused = expect(questions.ask({ sluice: "use" })).rejects.toMatchObject({
    code: "ETIMEDOUT",
    message: "no answer in 10 s",
  });
  await vi.advanceTimersByTimeAsync(10_000);
  await refused;
});
