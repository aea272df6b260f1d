import { connect } from "@nats-io/transport-node";
import { describe, expect, it } from "vitest";
import { errorCode } from "../../lib/base/errors.ts";
import { natsBus } from "../../lib/bus/nats.ts";
import { Broker, isInstalled, natsServer } from "./broker.ts";
import { brokerContract } from "./broker-contract.ts";
import { Recorder } from "./recorder.ts";

brokerContract({
  name: "NATS",
  program: natsServer,
  address: "servers",
  impatient: { pingInterval: 100, timeout: 500 },
  bus: (port, subject, options) => natsBus({ servers: `127.0.0.1:${port}`, subject, ...options }),
  inject: async (port, subject, bytes) => {
    const connection = await connect({ servers: `127.0.0.1:${port}` });
    connection.publish(subject, bytes);
    await connection.flush();
    await connection.close();
  },
});

const missing = isInstalled(natsServer) ? "" : " (skipped: nats-server is not installed)";

describe.skipIf(missing !== "")(`natsBus at a server${missing}`, () => {
  it("loses what is above the server's max_payload, and says so", async () => {
    const broker = await Broker.start(natsServer);
    const heard = new Recorder();
    const bus = natsBus({ servers: [`nats://127.0.0.1:${broker.port}`] });
    await bus.subscribe(heard);
    bus.publish(Buffer.alloc(1_048_577));
    expect([bus.lost, heard.lost, errorCode(heard.errors[0])]).toEqual([1, 1, "EMSGSIZE"]);
    expect(heard.errors[0].message).toBe(
      "natsBus: a packet of 1048577 bytes is above the server's max_payload, 1048576",
    );
    await bus.close();
    await broker.close();
  });

  it("is refused at once when the server wants a password, and takes one", async () => {
    const broker = await Broker.start(natsServer, ["--user", "me", "--pass", "secret"]);
    const servers = `127.0.0.1:${broker.port}`;
    await expect(natsBus({ servers }).subscribe(new Recorder())).rejects.toThrow(
      /cannot connect to servers.*uthori/,
    );
    const bus = natsBus({ servers, client: { user: "me", pass: "secret" } });
    await bus.subscribe(new Recorder());
    await bus.close();
    await broker.close();
  });
});

describe("natsBus", () => {
  it.each([
    [{ servers: "" }, "servers"],
    [{ servers: [] }, "servers"],
    [{ servers: "http://127.0.0.1:4222" }, "servers"],
    [{ servers: [4222] as unknown as string[] }, "servers"],
    [{ subject: "" }, "subject"],
    [{ subject: "two words" }, "subject"],
    [{ subject: "a.*" }, "subject"],
    [{ subject: "a..b" }, "subject"],
    [{ subject: ">" }, "subject"],
    [{ maxBacklog: Number.POSITIVE_INFINITY }, "maxBacklog"],
    [{ client: null as unknown as Record<string, unknown> }, "client"],
    [{ server: "127.0.0.1" } as object, "server"],
  ])("refuses %j by the name of the option", (options, option) => {
    expect(() => natsBus(options)).toThrow(TypeError);
    expect(() => natsBus(options)).toThrow(option);
  });

  it("shows no password when servers is wrong", () => {
    expect(() => natsBus({ servers: "nats://me:secret@127.0.0.1" })).toThrow(/^(?!.*secret)/);
  });

  it("tells what to install when the package is missing", async () => {
    const bus = natsBus({}, () => Promise.reject(new Error("Cannot find package")));
    await expect(bus.subscribe(new Recorder())).rejects.toThrow("npm install @nats-io/transport-node");
    await bus.close();
  });
});
