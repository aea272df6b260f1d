import { connect } from "@nats-io/transport-node";
import { createClient } from "redis";
import { isInstalled, natsServer, type Program, redisServer } from "../bus/broker.ts";
import type { TreeOptions } from "./tree.ts";

/** A kind of broker, and how anybody at all speaks to it. */
export interface Kind {
  name: TreeOptions["broker"];
  program: Program;
  /** Says that it cannot be tested here; an empty string where it can. */
  missing: string;
  address(port: number): string;
  /** Publishes packets one after the other, by the bare package, and gives them time to be taken. */
  publish(port: number, channel: string, packets: readonly Uint8Array[]): Promise<void>;
}

const missing = (program: Program) =>
  isInstalled(program) ? "" : ` (skipped: ${program.command} is not installed)`;

export const kinds: readonly Kind[] = [
  {
    name: "redis",
    program: redisServer,
    missing: missing(redisServer),
    address: (port) => `redis://127.0.0.1:${port}`,
    async publish(port, channel, packets) {
      const client = await createClient({ url: this.address(port) }).connect();
      for (const packet of packets) await client.publish(channel, Buffer.from(packet));
      await client.close();
    },
  },
  {
    name: "nats",
    program: natsServer,
    missing: missing(natsServer),
    address: (port) => `nats://127.0.0.1:${port}`,
    async publish(port, channel, packets) {
      const connection = await connect({ servers: this.address(port) });
      for (const packet of packets) connection.publish(channel, packet);
      await connection.drain();
    },
  },
];
