import type { Protocol } from "../api/protocol.ts";
import { CallbackReason } from "../api/reasons.ts";
import type { Wsi } from "../api/wsi.ts";
import type { Connection } from "./connection.ts";
import { errorPage } from "./error-page.ts";
import type { Host } from "./role.ts";

/** What stands in for a table without a protocol: mounts alone make a server too. */
export function httpOnly(host: Host): Protocol {
  const notFound = (wsi: Wsi) => {
    const { contentType, body } = errorPage(host, 404, (wsi as Connection).request);
    wsi.httpReply(404, { "content-type": contentType }, body);
  };
  return {
    name: "http-only",
    callback(wsi, reason) {
      if (reason === CallbackReason.HTTP) notFound(wsi);
      return reason === CallbackReason.FILTER_PROTOCOL_CONNECTION ? 1 : 0;
    },
  };
}
