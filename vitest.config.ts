import { defineConfig } from "vitest/config";

import { LongestFirst } from "./tests/support/longest-first.ts";

/** Starts one PostgreSQL for all projects that name it. */
const globalSetup = ["tests/support/global-setup.ts"];

/** Also builds the program that workers run, where it is older than its sources. */
const withProgram = [...globalSetup, "tests/support/built-program.ts"];

/** Ends what a file of tests has started. */
const setupFiles = ["tests/support/worker/end-workers.ts"];

/** The folder of a test decides what it runs on. `npm test` runs all but `large`. */
export default defineConfig({
  test: {
    // Two cores are kept busy by four: many tests wait for a time to pass, or for processes to start.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    testTimeout: 120_000,
    hookTimeout: 60_000,
    projects: [
      // Files of the first two share their worker's modules: they change nothing outside of themselves.
      {
        extends: true,
        test: { name: "unit", include: ["tests/unit/**/*.test.ts"], pool: "threads", isolate: false },
      },
      {
        extends: true,
        test: {
          name: "sql",
          include: ["tests/{race,schema,sql}/**/*.test.ts"],
          pool: "forks",
          isolate: false,
          globalSetup,
        },
      },
      {
        extends: true,
        test: {
          name: "process",
          include: ["tests/**/*.test.ts"],
          exclude: ["tests/{large,race,schema,sql,unit}/**"],
          pool: "forks",
          globalSetup: withProgram,
          setupFiles,
        },
      },
      {
        extends: true,
        test: {
          // Production sizes and the real clock.
          name: "large",
          include: ["tests/large/**/*.test.ts"],
          pool: "forks",
          globalSetup: withProgram,
          setupFiles,
          testTimeout: 200_000,
          // After all others: it measures times.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
