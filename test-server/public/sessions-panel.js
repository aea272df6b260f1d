import { browserName, formatAge, formatBytes } from "./format.js";

const COLUMNS = ["Address", "Protocol", "Browser", "Connected", "Received", "Sent", "Server"];

/** The sessions of the server, as lws-status tells them; which process they belong to, where there are several. */
export function sessionsPanel(status, byId) {
  const body = byId("sessions-body");
  let sessions = [];
  const show = () => {
    while (body.rows.length > sessions.length) body.deleteRow(-1);
    for (const [index, session] of sessions.entries()) {
      showRow(body.rows[index] ?? newRow(body), session);
    }
    const servers = new Set(sessions.map(({ server }) => server));
    byId("sessions-table").classList.toggle("one-server", servers.size < 2);
    byId("sessions-count").textContent = String(sessions.length);
  };
  status.addEventListener("message", ({ data }) => {
    sessions = JSON.parse(data);
    show();
  });
  status.addEventListener("state", () => body.classList.toggle("stale", status.state !== "open"));
  setInterval(show, 1000);
}

function newRow(body) {
  const row = body.insertRow();
  for (const column of COLUMNS) row.insertCell().dataset.label = column;
  row.cells[COLUMNS.indexOf("Server")].className = "server";
  return row;
}

function showRow(row, session) {
  const cells = [
    [`${session.address}:${session.port}`],
    [session.protocol],
    [browserName(session.userAgent), session.userAgent],
    [formatAge(Date.now() - Date.parse(session.since)), new Date(session.since).toLocaleString()],
    [traffic(session.bytesReceived, session.messagesReceived)],
    [traffic(session.bytesSent, session.messagesSent)],
    [session.server],
  ];
  for (const [index, [text, title]] of cells.entries()) {
    const cell = row.cells[index];
    if (cell.textContent !== text) cell.textContent = text;
    if (title !== undefined) cell.title = title;
  }
}

function traffic(bytes, messages) {
  return `${formatBytes(bytes)} · ${messages.toLocaleString("en")} msg`;
}
