import { EventEmitter } from "node:events";
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import type { Bus } from "../../lib/bus/bus.ts";
import { busContract } from "./contract.ts";

/** What the bus that docs/bus.md shows is made of. */
interface Line {
  send(bytes: Uint8Array): void;
  listen(listener: (bytes: Uint8Array) => void): () => void;
  ready: Promise<void>;
}

const page = readFileSync(new URL("../../docs/bus.md", import.meta.url), "utf8");
const [, source] = /<!-- file: own-bus\.js -->\n```js\n([\s\S]*?)^```$/m.exec(page) ?? [];
const { ownBus } = (await import(`data:text/javascript,${encodeURIComponent(source)}`)) as {
  ownBus(line: Line): Bus;
};

it("is shown in docs/bus.md", () => {
  expect(ownBus.name).toBe("ownBus");
});

// What its reader copies does all that the others do.
busContract("one's own", () => {
  const wire = new EventEmitter();
  const line: Line = {
    send: (bytes) => queueMicrotask(() => wire.emit("bytes", new Uint8Array(bytes))),
    listen: (listener) => {
      wire.on("bytes", listener);
      return () => wire.off("bytes", listener);
    },
    ready: Promise.resolve(),
  };
  return { bus: () => ownBus(line), inject: (bytes) => line.send(bytes), close: () => {} };
});
