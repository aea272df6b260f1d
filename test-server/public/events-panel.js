import { formatBytes } from "./format.js";
import { graph } from "./graph.js";

const STATES = ["connecting", "open", "closed"];
/** Half a minute of events. */
const SAMPLES = 30;
/** Milliseconds to the next try, where the browser has given up by itself. */
const TRY_AGAIN = 3000;

/** The server's status, as its events tell it. */
export function eventsPanel(byId) {
  const toggle = byId("events-toggle");
  const memory = graph("memory", byId, { samples: SAMPLES, atLeast: 1 });
  const sessions = graph("live", byId, { samples: SAMPLES, atLeast: 4 });

  const source = new StatusSource({
    onState(state) {
      byId("events-state").dataset.state = state;
      byId("events-state").textContent = state;
      byId("events-time").classList.toggle("stale", state !== "open");
      toggle.textContent = source.wanted ? "Close" : "Open";
    },
    onStatus(status, id) {
      memory.add(status.memory, formatBytes(status.memory));
      sessions.add(status.sessions, String(status.sessions));
      byId("events-time").textContent = new Date(status.time).toLocaleTimeString();
      byId("events-id").textContent = id;
    },
    onResumed(after) {
      byId("events-resumed").textContent = `behind event ${after}`;
    },
  });
  toggle.addEventListener("click", () => (source.wanted ? source.close() : source.open()));
  source.open();
}

/**
 * An EventSource, which comes back by itself when the connection ends, and is opened anew where the browser gave up.
 *
 * It is closed while the page is not seen: a browser has but six connections of HTTP/1.1 for all pages of a server,
 * and a seventh page would wait for ever.
 */
class StatusSource {
  wanted = false;
  #on;
  #source;
  #timer;

  constructor(on) {
    this.#on = on;
    document.addEventListener("visibilitychange", () => {
      if (!this.wanted) return;
      if (document.visibilityState === "hidden") this.#disconnect();
      else this.#connect();
    });
  }

  open() {
    this.wanted = true;
    this.#connect();
  }

  close() {
    this.wanted = false;
    this.#disconnect();
  }

  #connect() {
    this.#disconnect();
    const source = new EventSource("/events");
    this.#source = source;
    source.addEventListener("open", () => this.#tellState());
    source.addEventListener("error", () => {
      this.#tellState();
      if (source.readyState === EventSource.CLOSED)
        this.#timer = setTimeout(() => this.#connect(), TRY_AGAIN);
    });
    source.addEventListener("message", ({ data, lastEventId }) =>
      this.#on.onStatus(JSON.parse(data), lastEventId),
    );
    source.addEventListener("resumed", ({ data }) => this.#on.onResumed(data));
    this.#tellState();
  }

  #disconnect() {
    clearTimeout(this.#timer);
    this.#source?.close();
    if (this.#source !== undefined) this.#tellState();
  }

  #tellState() {
    this.#on.onState(STATES[this.#source.readyState]);
  }
}
