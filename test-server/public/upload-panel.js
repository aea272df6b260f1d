import { formatBytes } from "./format.js";
import { ProgressMeter, percent, progressText } from "./progress.js";

/** What a status of the server says to whoever has sent a file. */
const REFUSALS = {
  400: "the server could not read the form",
  408: "the server has waited too long for the next piece",
  413: "too large: the server takes up to 1 GiB",
  503: "the server is busy or ends",
};

/** Sends files that are chosen or dropped, shows how far they are, and what the server says of them. */
export function uploadPanel(byId) {
  const [panel, choice, abort] = ["upload-panel", "upload-file", "upload-abort"].map(byId);
  const show = view(byId);
  let request;

  const send = (files) => {
    request?.abort();
    if (files.length > 0) request = upload(files, show);
  };
  choice.addEventListener("change", () => {
    send([...choice.files]);
    choice.value = ""; // So that the same file can be chosen once more.
  });
  abort.addEventListener("click", () => request?.abort());
  takeDrops(panel, send);
}

/** Begins an upload. Returns its request, whose `abort` ends it. */
function upload(files, show) {
  const form = new FormData();
  for (const file of files) form.append("file", file);
  const meter = new ProgressMeter();
  meter.add(performance.now(), 0);

  const request = new XMLHttpRequest();
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    meter.add(performance.now(), loaded);
    show.progress(loaded, total, meter.rate);
  });
  request.addEventListener("load", () => {
    if (request.status === 200) show.done(JSON.parse(request.responseText).files);
    else show.failed("refused", refusal(request.status));
  });
  request.addEventListener("error", () => show.failed("failed", "The connection was lost."));
  request.addEventListener("abort", () => show.failed("aborted", "Aborted from here."));
  request.open("POST", "/upload");
  show.begun();
  request.send(form);
  return request;
}

function refusal(status) {
  const words = REFUSALS[status];
  return words === undefined ? `The server answered ${status}.` : `The server answered ${status}: ${words}.`;
}

/** The panel's elements, as the course of an upload. */
function view(byId) {
  const [badge, bar, numbers, abort] = ["state", "progress", "numbers", "abort"].map((id) =>
    byId(`upload-${id}`),
  );
  const [message, list] = [byId("upload-message"), byId("upload-files")];
  const become = (state, word = state) => {
    badge.dataset.state = state;
    badge.textContent = word;
    abort.disabled = state !== "sending";
  };
  return {
    begun() {
      become("sending");
      bar.value = 0;
      numbers.textContent = "";
      message.textContent = "";
      list.replaceChildren();
    },
    progress(loaded, total, rate) {
      become("sending", loaded < total ? `sending ${percent(loaded, total)} %` : "waiting for the answer");
      bar.value = loaded / total;
      numbers.textContent = progressText(loaded, total, rate);
    },
    done(files) {
      become("done");
      list.replaceChildren(...files.map(fileItem));
    },
    failed(state, text) {
      become(state);
      message.textContent = text;
    },
  };
}

function fileItem({ name, size, type, sha256 }) {
  const item = document.createElement("li");
  item.append(
    element("strong", name),
    element("span", `${formatBytes(size)} (${size.toLocaleString("en")} bytes) · ${type}`),
    element("code", sha256),
  );
  return item;
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

/** Files that are dropped beside the panel are dropped nowhere: a browser would go to them, and leave the page. */
function takeDrops(panel, onFiles) {
  const over = (event) => panel.classList.toggle("over", panel.contains(event.target));
  addEventListener("dragover", (event) => {
    event.preventDefault();
    over(event);
  });
  addEventListener("dragleave", () => panel.classList.remove("over"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    panel.classList.remove("over");
    if (panel.contains(event.target)) onFiles([...event.dataTransfer.files]);
  });
}
