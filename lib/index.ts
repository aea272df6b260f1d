export * from "./api.ts";
export { createContext } from "./create-context.ts";
