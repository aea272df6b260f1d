import { afterEach, beforeEach, describe } from "vitest";
import type { Loop } from "../../lib/loop/loop.ts";
import { bytesContract } from "./contract-bytes.ts";
import { gateContract } from "./contract-gate.ts";
import { lifeContract } from "./contract-life.ts";
import { openingContract } from "./contract-opening.ts";
import { tlsContract } from "./contract-tls.ts";
import { tlsAbuseContract } from "./contract-tls-abuse.ts";
import { tlsClientContract } from "./contract-tls-client.ts";
import { tlsHandshakeContract } from "./contract-tls-handshake.ts";
import { Stage } from "./recorder.ts";

/** Gives the stage of the running test: a fresh loop, closed when the test ends. */
export type OnStage = () => Stage;

/**
 * What every loop has to do, whichever it is. A backend's test file calls it with a way to make one:
 *
 * ```ts
 * loopContract("node", () => createNodeLoop());
 * ```
 */
export function loopContract(name: string, create: () => Promise<Loop> | Loop): void {
  describe(`the ${name} loop`, () => {
    let stage: Stage;
    beforeEach(async () => {
      stage = new Stage(await create());
    });
    afterEach(() => stage.loop.close());
    const onStage: OnStage = () => stage;

    describe("the gate", () => gateContract(onStage));
    describe("bytes", () => bytesContract(onStage));
    describe("the life of a link", () => lifeContract(onStage));
    describe("listen, connect and adopt", () => openingContract(onStage, create));
    describe("TLS", () => tlsContract(onStage));
    describe("the handshake of TLS", () => tlsHandshakeContract(onStage, create));
    describe("TLS and what is not", () => tlsAbuseContract(onStage));
    describe("TLS to a server", () => tlsClientContract(onStage));
  });
}
