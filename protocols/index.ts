/** The bundled protocol plugins. Each is also a module of its own: `sluice/protocols/lws-mirror` and so on. */
export { type DumbIncrementOptions, dumbIncrement } from "./dumb-increment/dumb-increment.ts";
export { echo } from "./echo/echo.ts";
export { type LwsMirrorOptions, lwsMirror } from "./lws-mirror/lws-mirror.ts";
export { type LwsStatusOptions, lwsStatus, type SessionReport } from "./lws-status/lws-status.ts";
