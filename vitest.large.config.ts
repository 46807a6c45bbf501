import { defineConfig } from "vitest/config";

import everyday from "./vitest.config.ts";

/** Production sizes and the real clock: `npm run test:large`. */
export default defineConfig({
  test: {
    ...everyday.test,
    include: ["tests/large/**/*.test.ts"],
    exclude: [],
    testTimeout: 200_000,
  },
});
