import { announceState, showState } from "./badge.js";
import { canvasPanel } from "./canvas-panel.js";
import { closePanel } from "./close-panel.js";
import { Connection } from "./connection.js";
import { counterPanel } from "./counter-panel.js";
import { eventsPanel } from "./events-panel.js";
import { sessionsPanel } from "./sessions-panel.js";
import { uploadPanel } from "./upload-panel.js";

const byId = (id) => document.getElementById(id);

const connections = {
  counter: new Connection("dumb-increment-protocol"),
  // `?mirror=name` of the page chooses the room to draw in.
  mirror: new Connection("lws-mirror-protocol", location.search),
  status: new Connection("lws-status"),
  echo: new Connection("echo"),
};

counterPanel(connections.counter, connections.echo, byId);
canvasPanel(connections.mirror, byId);
closePanel(connections.counter, byId);
sessionsPanel(connections.status, byId);
uploadPanel(byId);
eventsPanel(byId);

for (const [name, connection] of Object.entries(connections)) {
  showState(connection, byId(`${name}-state`));
  connection.addEventListener("state", showSummary);
}
announceState(connections.counter, "Counter", byId("announcer"));
for (const connection of Object.values(connections)) connection.open();

/** How many connections are open, in one line. */
function showSummary() {
  const all = Object.values(connections);
  const open = all.filter(({ state }) => state === "open").length;
  byId("summary").dataset.state = open === all.length ? "open" : open === 0 ? "closed" : "waiting";
  byId("summary").textContent = `${open} of ${all.length} connections open`;
}
