import { formatDuration } from "./format.js";
import { graph } from "./graph.js";
import { RateMeter } from "./sparkline.js";

const SAMPLE_MS = 500;
const SAMPLES = 60;

/** The number that goes up, how often it comes, and how long an echo takes. */
export function counterPanel(counter, echo, byId) {
  const number = byId("number");
  const meter = new RateMeter();
  counter.addEventListener("message", ({ data }) => {
    meter.count(performance.now());
    number.textContent = data;
  });
  counter.addEventListener("state", () => number.classList.toggle("stale", counter.state !== "open"));
  byId("reset").addEventListener("click", () => counter.send("reset\n"));

  const roundTrip = measureRoundTrip(echo);
  const rates = graph("rate", byId, { samples: SAMPLES, atLeast: 20 });
  const times = graph("rtt", byId, { samples: SAMPLES, atLeast: 0.5 });
  setInterval(() => {
    const isOpen = counter.state === "open";
    const rate = isOpen ? meter.perSecond(performance.now()) : undefined;
    rates.add(rate, isOpen ? `${rate} /s` : "–");
    const time = echo.state === "open" ? roundTrip() : undefined;
    times.add(time, time === undefined ? "–" : formatDuration(time));
  }, SAMPLE_MS);
}

/** Sends the time through the echo protocol twice a second. Returns a function that gives the last round trip. */
function measureRoundTrip(echo) {
  let last;
  echo.addEventListener("message", ({ data }) => {
    const time = performance.now() - Number(data);
    if (time >= 0) last = time;
  });
  echo.addEventListener("state", () => {
    last = undefined;
  });
  setInterval(() => echo.send(String(performance.now())), SAMPLE_MS);
  return () => last;
}
