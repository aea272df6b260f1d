import { closeCodeName } from "./format.js";

/** Closing the counter's connection from either end, and what came of it. */
export function closePanel(counter, byId) {
  const form = byId("close-form");
  const [code, reason, open, ask] = ["close-code", "close-reason", "close-open", "close-server"].map(byId);

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (check(code, reason)) counter.close(Number(code.value), reason.value);
  });
  for (const field of [code, reason]) field.addEventListener("input", () => field.setCustomValidity(""));
  ask.addEventListener("click", () => counter.send("closeme\n"));
  open.addEventListener("click", () => counter.open());

  const showControls = () => {
    const isOpen = counter.state === "open";
    byId("close-here").disabled = !isOpen;
    ask.disabled = !isOpen;
    open.hidden = counter.state !== "closed";
  };
  counter.addEventListener("state", showControls);
  showControls();

  counter.addEventListener("close", ({ detail }) => {
    const name = closeCodeName(detail.code);
    byId("closed-code").textContent = name === "" ? String(detail.code) : `${detail.code} ${name}`;
    byId("closed-reason").textContent = detail.reason === "" ? "none" : detail.reason;
    byId("closed-clean").textContent = detail.wasClean ? "yes" : "no";
  });
}

/** What a browser lets a page close with: 1000, or 3000 to 4999, and 123 bytes of reason. */
function check(code, reason) {
  const number = Number(code.value);
  const codeFits = number === 1000 || (Number.isInteger(number) && number >= 3000 && number <= 4999);
  const reasonFits = new TextEncoder().encode(reason.value).length <= 123;
  code.setCustomValidity(codeFits ? "" : "A page may close with 1000, or with 3000 to 4999.");
  reason.setCustomValidity(reasonFits ? "" : "A reason has at most 123 bytes.");
  return code.reportValidity() && reason.reportValidity();
}
