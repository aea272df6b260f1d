import { CallbackReason, type Protocol } from "sluice";

/** The first protocol of the table: answers what no mount takes. */
export const httpOnly: Protocol = {
  name: "http-only",
  callback(wsi, reason) {
    if (reason === CallbackReason.HTTP) wsi.httpReply(404, {}, "There is nothing here.\n");
  },
};
