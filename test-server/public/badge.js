const WORDS = { connecting: "connecting", open: "open", closed: "closed" };

/** Shows the state of a connection, in a word and a colour; while it waits, for how long. */
export function showState(connection, badge) {
  const show = () => {
    badge.dataset.state = connection.state;
    badge.textContent = WORDS[connection.state] ?? `waiting ${secondsLeft(connection)} s`;
  };
  connection.addEventListener("state", show);
  setInterval(() => {
    if (connection.state === "waiting") show();
  }, 250);
  show();
}

function secondsLeft({ retryAt }) {
  return Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
}

/** Tells those who listen to the page when a connection is there, or gone; not each try in between. */
export function announceState(connection, name, announcer) {
  let told;
  connection.addEventListener("state", () => {
    const state = connection.state === "connecting" ? told : connection.state;
    if (state === told) return;
    told = state;
    announcer.textContent = `${name}: ${state === "open" ? "connected" : "not connected"}`;
  });
}
