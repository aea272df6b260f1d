import { CallbackReason, WriteProtocol } from "sluice";
import { echo } from "sluice/protocols";
import { beforeEach, describe, expect, it } from "vitest";
import { FakeWsi, fakeContext } from "./fake-wsi.ts";

const { RECEIVE, SERVER_WRITEABLE } = CallbackReason;
const { TEXT, BINARY, CONTINUATION, NO_FIN } = WriteProtocol;

let wsi: FakeWsi;
beforeEach(() => {
  wsi = new FakeWsi(echo, fakeContext());
});

function receive(data: string, piece: Partial<FakeWsi["piece"]> = {}): void {
  wsi.piece = { first: true, final: true, binary: false, ...piece };
  wsi.call(RECEIVE, Buffer.from(data));
}

describe("echo", () => {
  it("sends text back as text and binary as binary", () => {
    receive("a");
    receive("b", { binary: true });
    expect(wsi.take()).toEqual([
      ["write", TEXT, "a"],
      ["write", BINARY, "b"],
    ]);
  });

  it("sends an empty message back", () => {
    receive("");
    expect(wsi.take()).toEqual([["write", TEXT, ""]]);
  });

  it("makes pieces the fragments of one message", () => {
    receive("a", { final: false, binary: true });
    receive("b", { first: false, final: false, binary: true });
    receive("c", { first: false, binary: true });
    expect(wsi.take()).toEqual([
      ["write", BINARY | NO_FIN, "a"],
      ["write", CONTINUATION | NO_FIN, "b"],
      ["write", CONTINUATION, "c"],
    ]);
  });

  it("does not listen to a client that does not read, until it does", () => {
    wsi.room = 1;
    receive("a");
    expect(wsi.take()).toEqual([["write", TEXT, "a"], ["rxFlowControl", false], ["callbackOnWritable"]]);
    wsi.call(SERVER_WRITEABLE);
    expect(wsi.take()).toEqual([["rxFlowControl", true]]);
  });
});
