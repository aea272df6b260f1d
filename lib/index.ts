export * from "./api.ts";
export type { Bus, BusReceiver } from "./bus/bus.ts";
export { type LocalBusOptions, localBus } from "./bus/local.ts";
export { type NatsBusOptions, natsBus } from "./bus/nats.ts";
export { ProcessHub, type ProcessHubOptions } from "./bus/process-hub.ts";
export { processBus } from "./bus/processes.ts";
export { type RedisBusOptions, redisBus } from "./bus/redis.ts";
export { type WorkerBusOptions, workerBus } from "./bus/workers.ts";
export { createContext } from "./create-context.ts";
