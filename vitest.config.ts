import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^sluice$/, replacement: here("./lib/index.ts") },
      { find: /^sluice\/stream$/, replacement: here("./lib/stream/index.ts") },
      { find: /^sluice\/protocols$/, replacement: here("./protocols/index.ts") },
    ],
  },
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    testTimeout: 15_000,
    hookTimeout: 30_000,
  },
});
