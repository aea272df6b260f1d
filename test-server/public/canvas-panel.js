import { HEIGHT, lineCommand, parseCommands, WIDTH } from "./draw-commands.js";

/** Pixels of the canvas for each unit of the drawing: lines stay crisp on fine screens. */
const SCALE = 2;
const KEY_STEP = 8;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The shared drawing: what is drawn here goes to the server, and what comes from the server is what is seen. */
export function canvasPanel(mirror, byId) {
  const canvas = byId("canvas");
  canvas.width = WIDTH * SCALE;
  canvas.height = HEIGHT * SCALE;
  const context = canvas.getContext("2d");
  context.scale(SCALE, SCALE);
  context.lineCap = "round";

  mirror.addEventListener("message", async ({ data }) => {
    const text = typeof data === "string" ? data : await data.text();
    for (const command of parseCommands(text)) draw(context, command);
  });
  mirror.addEventListener("state", () => canvas.classList.toggle("stale", mirror.state !== "open"));
  byId("clear").addEventListener("click", () => context.clearRect(0, 0, WIDTH, HEIGHT));

  const pen = penControls(byId);
  const sendLine = batchPerFrame(mirror);
  drawWithPointers(canvas, (line) => sendLine({ ...line, ...pen() }));
  drawWithKeys(canvas, byId("cursor"), (line) => sendLine({ ...line, ...pen() }));
}

function draw(context, command) {
  context.strokeStyle = command.colour;
  context.beginPath();
  if (command.kind === "line") {
    context.lineWidth = command.width;
    context.moveTo(command.x1, command.y1);
    context.lineTo(command.x2, command.y2);
  } else {
    context.lineWidth = 2;
    context.arc(command.x, command.y, command.r, 0, 2 * Math.PI);
  }
  context.stroke();
}

/** Colour and width. Returns a function that gives both. */
function penControls(byId) {
  const [colours, own, width, dot] = ["colours", "own-colour", "width", "width-dot"].map(byId);
  const colour = () => {
    const chosen = colours.querySelector("input[type=radio]:checked").value;
    return chosen === "own" ? own.value : chosen;
  };
  const preview = () => {
    dot.style.setProperty("--width", `${width.value}px`);
    dot.style.setProperty("--colour", colour());
  };
  own.addEventListener("input", () => {
    byId("own-radio").checked = true;
  });
  for (const control of [colours, width]) control.addEventListener("input", preview);
  preview();
  return () => ({ colour: colour(), width: Number(width.value) });
}

/** Lines of the same frame go out as one message. */
function batchPerFrame(mirror) {
  let pending = "";
  return (line) => {
    if (pending === "") {
      requestAnimationFrame(() => {
        mirror.send(pending);
        pending = "";
      });
    }
    pending += lineCommand(line);
  };
}

function drawWithPointers(canvas, onLine) {
  /** Where each pointer was last: a mouse, a pen, or some fingers at a time. */
  const last = new Map();

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    const { x, y } = position(canvas, event);
    last.set(event.pointerId, { x, y });
    onLine({ x1: x, y1: y, x2: x, y2: y });
  });
  canvas.addEventListener("pointermove", (event) => {
    const steps = event.getCoalescedEvents?.() ?? [];
    for (const step of steps.length > 0 ? steps : [event]) {
      const from = last.get(event.pointerId);
      if (from === undefined) return;
      const to = position(canvas, step);
      last.set(event.pointerId, to);
      onLine({ x1: from.x, y1: from.y, x2: to.x, y2: to.y });
    }
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, (event) => last.delete(event.pointerId));
  }
}

/** Arrow keys draw; with Shift they move only. */
function drawWithKeys(canvas, cursor, onLine) {
  let at = { x: WIDTH / 2, y: HEIGHT / 2 };
  const show = () => {
    cursor.style.setProperty("--x", `${(100 * at.x) / WIDTH}%`);
    cursor.style.setProperty("--y", `${(100 * at.y) / HEIGHT}%`);
  };
  canvas.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    if (arrow === undefined) return;
    event.preventDefault();
    const to = {
      x: Math.min(WIDTH, Math.max(0, at.x + arrow[0] * KEY_STEP)),
      y: Math.min(HEIGHT, Math.max(0, at.y + arrow[1] * KEY_STEP)),
    };
    if (!event.shiftKey) onLine({ x1: at.x, y1: at.y, x2: to.x, y2: to.y });
    at = to;
    show();
  });
  show();
}

function position(canvas, { clientX, clientY }) {
  const box = canvas.getBoundingClientRect();
  return { x: ((clientX - box.left) / box.width) * WIDTH, y: ((clientY - box.top) / box.height) * HEIGHT };
}
