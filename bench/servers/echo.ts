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
