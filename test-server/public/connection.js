import { backoff } from "./backoff.js";

/** A connection that held that long was a good one: the next wait is a short one again. */
const STABLE_MS = 5000;

/**
 * One WebSocket that comes back by itself.
 *
 * ```
 *   connecting ──► open ──► waiting ──► connecting …
 *        └────────────────────▲
 *   close() leads to closed, and open() out of it
 * ```
 *
 * Events: `state` on every change of `state`, `message`, and `close` with the browser's CloseEvent as `detail`.
 */
export class Connection extends EventTarget {
  /** "connecting", "open", "waiting" or "closed" */
  state = "closed";
  /** When the next try comes, on the clock of `Date.now`. */
  retryAt = 0;

  #protocol;
  #query;
  #socket;
  #wanted = false;
  #attempt = 0;
  #openedAt = Number.POSITIVE_INFINITY;
  #timer;

  /**
   * @param {string} protocol - The sub-protocol.
   * @param {string} query - What follows the path, with its `?`.
   */
  constructor(protocol, query = "") {
    super();
    this.#protocol = protocol;
    this.#query = query;
    addEventListener("online", () => this.#retryNow());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.#retryNow();
    });
  }

  open() {
    this.#wanted = true;
    this.#attempt = 0;
    this.#connect();
  }

  /** Closes, and stays closed until `open`. */
  close(code, reason) {
    this.#wanted = false;
    this.#socket?.close(code, reason);
  }

  /** Sends when it is open. False when it is not, or is closing already. */
  send(data) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(data);
    return true;
  }

  #connect() {
    clearTimeout(this.#timer);
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/${this.#query}`, this.#protocol);
    this.#socket = socket;
    socket.addEventListener("open", () => {
      this.#openedAt = Date.now();
      this.#become("open");
    });
    socket.addEventListener("message", ({ data }) => {
      this.dispatchEvent(new MessageEvent("message", { data }));
    });
    socket.addEventListener("close", (event) => this.#onClose(event));
    this.#become("connecting");
  }

  #onClose(event) {
    if (Date.now() - this.#openedAt >= STABLE_MS) this.#attempt = 0;
    this.#openedAt = Number.POSITIVE_INFINITY;
    if (this.#wanted) this.#retryLater();
    else this.#become("closed");
    this.dispatchEvent(new CustomEvent("close", { detail: event }));
  }

  #retryLater() {
    const wait = backoff(this.#attempt);
    this.#attempt += 1;
    this.retryAt = Date.now() + wait;
    this.#timer = setTimeout(() => this.#connect(), wait);
    this.#become("waiting");
  }

  #retryNow() {
    if (this.state === "waiting") this.#connect();
  }

  #become(state) {
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}
