import { defineConfig } from "vitest/config";

import { LongestFirst } from "./tests/support/longest-first.ts";

/** Starts one PostgreSQL for all projects that name it, and makes what stores of clients begin with. */
const globalSetup = ["tests/support/global-setup.ts", "tests/support/client/ready-made.ts"];

/** Also builds the program that workers run, where it is older than its sources. */
const withProgram = [...globalSetup, "tests/support/built-program.ts"];

/** Ends what a file of tests has started. */
const setupFiles = ["tests/support/worker/end-workers.ts"];

/** These measure times, or compare speeds: they have the machine almost to themselves. */
const measured = ["ingest-command", "staging-under-dump", "thousand-streams"].map(
  (name) => `tests/large/${name}.test.ts`,
);

/** The folder of a test decides what it runs on. `npm test` runs all but what lies in `tests/large`. */
export default defineConfig({
  test: {
    // Two cores are kept busy by four: many tests wait for a time to pass, or for processes to start.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    // Guards against what never ends. Whoever waits for something gives up before.
    testTimeout: 240_000,
    hookTimeout: 120_000,
    projects: [
      // Files share their worker's modules, which take a second to load: they change nothing outside of themselves.
      {
        extends: true,
        test: { name: "unit", include: ["tests/unit/**/*.test.ts"], pool: "threads", isolate: false },
      },
      {
        extends: true,
        test: {
          name: "sql",
          // What is called a unit of ingestion may need the database.
          include: ["tests/{race,schema,sql,ingestion/unit}/**/*.test.ts"],
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
          exclude: ["tests/{large,race,schema,sql,unit,ingestion/unit}/**"],
          pool: "forks",
          isolate: false,
          globalSetup: withProgram,
          setupFiles,
        },
      },
      // Production sizes and the real clock, which is what most of them wait for.
      {
        extends: true,
        test: {
          name: "large",
          // A million rows wait for a busy machine, too.
          testTimeout: 480_000,
          include: ["tests/large/**/*.test.ts"],
          exclude: measured,
          pool: "forks",
          globalSetup: withProgram,
          setupFiles,
          maxWorkers: 5,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: "measured",
          include: measured,
          pool: "forks",
          globalSetup: withProgram,
          setupFiles,
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
