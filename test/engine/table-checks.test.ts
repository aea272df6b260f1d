import { expect, it } from "vitest";
import { createContext } from "../../lib/index.ts";

it.each([
  [{ defaultProtocol: "chat" }, "defaultProtocol: "],
  [{ mounts: [{ mountpoint: "/", protocol: "chat" }] }, "mounts[0].protocol: "],
])("an option that names a protocol which is not there is refused: %j", async (options, names) => {
  const refused = createContext(options).catch((error: unknown) => error);
  expect(await refused).toBeInstanceOf(TypeError);
  expect(String(await refused)).toContain(`TypeError: ${names}`);
});
