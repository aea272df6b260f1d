import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  ANY_PORT,
  type CallbackArguments,
  CallbackReason,
  type CallbackResult,
  type Context,
  createContext,
  type Protocol,
  reasonName,
  WriteProtocol,
} from "sluice";
import { describe, expect, it } from "vitest";
import { WebSocket } from "ws";

/** Holds docs/callbacks.md against the reasons that there are, and against the order in which they come. */
const page = readFileSync(fileURLToPath(new URL("../../docs/callbacks.md", import.meta.url)), "utf8");

type Act = (...args: CallbackArguments<unknown>) => CallbackResult;

/** A protocol that writes down what it is called for. */
function tracing(name: string, trace: string[], act: Act): Protocol {
  return {
    name,
    callback(...args: CallbackArguments<unknown>) {
      trace.push(`${name} ${reasonName(args[1])}`);
      return act(...args);
    },
  };
}

async function traced(act: Act, meet: (context: Context) => Promise<unknown>): Promise<string[]> {
  const trace: string[] = [];
  const protocols = [tracing("first", trace, act), tracing("second", trace, act)];
  const context = await createContext({ port: ANY_PORT, host: "127.0.0.1", protocols });
  const running = context.run();
  await meet(context);
  await context.destroy();
  await running;
  return trace;
}

describe("docs/callbacks.md", () => {
  it("has a row for every reason", () => {
    for (const name of Object.keys(CallbackReason)) expect(page).toMatch(new RegExp(`^\\| \`${name}\``, "m"));
  });

  it("draws the order of a WebSocket session as it is", async () => {
    const act: Act = (wsi, reason, _user, input, _len) => {
      if (reason === CallbackReason.ESTABLISHED) wsi.callbackOnWritable();
      if (reason === CallbackReason.SERVER_WRITEABLE) wsi.setTimer(1);
      if (reason === CallbackReason.TIMER) wsi.context.broadcast("second", "x");
      if (reason === CallbackReason.BROADCAST) wsi.write(input, WriteProtocol.TEXT);
    };
    const trace = await traced(act, async ({ port }) => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/`, "second");
      await once(socket, "message");
      socket.send("hello");
      socket.close(1000);
      await once(socket, "close");
    });
    expect(trace).toEqual([
      "first PROTOCOL_INIT",
      "second PROTOCOL_INIT",
      "first FILTER_NETWORK_CONNECTION",
      "second FILTER_PROTOCOL_CONNECTION",
      "second ADD_HEADERS",
      "second ESTABLISHED",
      "second SERVER_WRITEABLE",
      "second TIMER",
      "second BROADCAST",
      "second RECEIVE",
      "second WS_PEER_INITIATED_CLOSE",
      "second CLOSED",
      "first PROTOCOL_DESTROY",
      "second PROTOCOL_DESTROY",
    ]);
  });

  it("is right that a refused session gets CLOSED_HTTP and no CLOSED", async () => {
    const act: Act = (...[, reason]) => (reason === CallbackReason.FILTER_PROTOCOL_CONNECTION ? -1 : 0);
    const trace = await traced(act, async ({ port }) => {
      const [error] = await once(new WebSocket(`ws://127.0.0.1:${port}/`, "second"), "error");
      expect(String(error)).toContain("403");
    });
    expect(trace).toContain("second CLOSED_HTTP");
    expect(trace).not.toContain("second CLOSED");
  });

  it("draws the order of an HTTP request as it is", async () => {
    const act: Act = (...[wsi, reason]) => {
      if (reason === CallbackReason.HTTP_BODY_COMPLETION) wsi.httpReply(200, {}, "thanks");
    };
    const trace = await traced(act, async ({ port }) => {
      const options = { method: "POST", body: "data", headers: { connection: "close" } };
      await (await fetch(`http://127.0.0.1:${port}/`, options)).text();
    });
    expect(trace.filter((line) => line.startsWith("first"))).toEqual([
      "first PROTOCOL_INIT",
      "first FILTER_NETWORK_CONNECTION",
      "first HTTP",
      "first HTTP_BODY",
      "first HTTP_BODY_COMPLETION",
      "first ADD_HEADERS",
      "first CLOSED_HTTP",
      "first PROTOCOL_DESTROY",
    ]);
  });
});
