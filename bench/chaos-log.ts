// npm run chaos -- log 20000 --writers 16 --seed 1 --json: so many commits of published streams, while one reader
// compares tables and log in one snapshot after another and one follows the log. Exits 1 if the log has a hole that
// closes later, lost an entry for whoever follows it, or is not what the tables are.
//
// --captured 8: that many sessions of an application write what they see, and are captured by passes that come and go.
// Exits 1 as well if their transactions are not in the order of WAL, each whole and once, behind what their writers saw.
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";

import { mixedStorm } from "../tests/support/capture/mixed-storm.ts";
import { cloneDatabase } from "../tests/support/postgres/database.ts";
import { logStorm } from "../tests/support/postgres/log-storm.ts";
import type { TestDatabase } from "../tests/support/postgres/postgres.ts";
import { startTemplate } from "../tests/support/postgres/template.ts";
import { print } from "./print.ts";

export async function chaosOfLog(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      seed: { type: "string" },
      writers: { type: "string", default: "16" },
      captured: { type: "string", default: "0" },
      json: { type: "boolean", default: false },
    },
  });
  const commits = Number(positionals[0] ?? "20000");
  const seed = Number(values.seed ?? randomInt(10_000, 1_000_000_000));
  const start = performance.now();
  const template = await startTemplate();
  try {
    await using db = await cloneDatabase(template);
    const goesOn = (count: number) => {
      if (count % 1000 === 0) console.error(`${count} of ${commits} commits`);
      return count < commits;
    };
    const [writers, sessions] = [Number(values.writers), Number(values.captured)];
    const { seen, faults } =
      sessions > 0
        ? await beside(db, { streams: writers, sessions, seed, goesOn })
        : await alone(db, { writers, seed, goesOn });
    const seconds = Math.round((performance.now() - start) / 1000);
    print("chaos log", { cases: [{ ...seen, seconds, seed }] }, values.json);
    process.exitCode = faults === 0 ? 0 : 1;
  } finally {
    await template.stop();
  }
}

async function alone(db: TestDatabase, options: Parameters<typeof logStorm>[1]) {
  const seen = await logStorm(db, options);
  return { seen, faults: seen.holes + seen.lost + seen.torn };
}

async function beside(db: TestDatabase, options: Parameters<typeof mixedStorm>[1]) {
  const { faults, ...seen } = await mixedStorm(db, options);
  for (const fault of faults.slice(0, 100)) console.error(fault);
  return { seen: { ...seen, faults: faults.length }, faults: faults.length };
}
