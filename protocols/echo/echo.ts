import { CallbackReason, type Protocol, WriteProtocol, type Wsi } from "sluice";

/**
 * Sends back what it gets: text as text, binary as binary, and each piece as soon as it is there, so that a message
 * of any length passes through without being held.
 */
export const echo: Protocol = {
  name: "echo",
  callback(wsi, reason, _user, input) {
    switch (reason) {
      case CallbackReason.RECEIVE:
        wsi.write(input, modeOfPiece(wsi));
        if (wsi.sendPipeChoked()) {
          wsi.rxFlowControl(false);
          wsi.callbackOnWritable();
        }
        break;

      case CallbackReason.SERVER_WRITEABLE:
        wsi.rxFlowControl(true);
        break;
    }
  },
};

/** How to send on the piece that RECEIVE just brought, so that pieces become the fragments of one message. */
function modeOfPiece(wsi: Wsi): number {
  const type = wsi.frameIsBinary() ? WriteProtocol.BINARY : WriteProtocol.TEXT;
  const opcode = wsi.isFirstFragment() ? type : WriteProtocol.CONTINUATION;
  return wsi.isFinalFragment() ? opcode : opcode | WriteProtocol.NO_FIN;
}

export default echo;
