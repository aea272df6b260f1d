import { CallbackReason, type Protocol, WriteProtocol } from "sluice";

/** What comes goes back, text as text and binary as binary. */
export const echo: Protocol = {
  name: "echo",
  wholeMessages: true,
  callback(wsi, reason, _user, input, _len) {
    if (reason === CallbackReason.RECEIVE)
      wsi.write(input, wsi.frameIsBinary() ? WriteProtocol.BINARY : WriteProtocol.TEXT);
  },
};

/** What comes goes to all sessions, the sender included, as text. */
export const broadcast: Protocol = {
  name: "broadcast",
  wholeMessages: true,
  callback(wsi, reason, _user, input, _len) {
    if (reason === CallbackReason.RECEIVE) wsi.context.broadcast(broadcast, input);
    else if (reason === CallbackReason.BROADCAST) wsi.write(input, WriteProtocol.TEXT);
  },
};
