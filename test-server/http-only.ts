import { CallbackReason, HttpError, type Mount, type Protocol, type Wsi } from "sluice";
import { StatusEvents } from "./status-events.ts";
import { answerUpload } from "./uploads.ts";

const UPLOAD = "/upload";
const EVENTS = "/events";

/** The parts of the URL space that this protocol answers itself, beside the mount of the files. */
export const httpOnlyMounts: readonly Mount[] = [
  { mountpoint: UPLOAD, pass: true },
  { mountpoint: EVENTS, pass: true },
];

/** The first protocol of the table of one context: takes uploads, tells the server's status, and has nothing else. */
export function httpOnly(): Protocol {
  const events = new StatusEvents();
  return {
    name: "http-only",
    callback(wsi, reason) {
      if (reason === CallbackReason.HTTP) return answer(wsi, events);
    },
  };
}

function answer(wsi: Wsi, events: StatusEvents): void | Promise<void> {
  switch (wsi.uri) {
    case UPLOAD:
      demandMethod(wsi, "POST");
      return answerUpload(wsi);
    case EVENTS:
      demandMethod(wsi, "GET");
      return events.answer(wsi);
    default:
      wsi.httpReply(404, {}, "There is nothing here.\n");
  }
}

function demandMethod(wsi: Wsi, method: string): void {
  if (wsi.method === method) return;
  throw new HttpError(405, `${wsi.uri} takes ${method}`, { headers: { allow: method } });
}
