// npm run chaos -- log 20000 --writers 16 --seed 1 --json: so many commits of published streams, while one reader
// compares tables and log in one snapshot after another and one follows the log. Exits 1 if the log has a hole that
// closes later, lost an entry for whoever follows it, or is not what the tables are.
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";

import { cloneDatabase } from "../tests/support/postgres/database.ts";
import { logStorm } from "../tests/support/postgres/log-storm.ts";
import { startTemplate } from "../tests/support/postgres/template.ts";
import { print } from "./print.ts";

export async function chaosOfLog(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      seed: { type: "string" },
      writers: { type: "string", default: "16" },
      json: { type: "boolean", default: false },
    },
  });
  const commits = Number(positionals[0] ?? "20000");
  const seed = Number(values.seed ?? randomInt(10_000, 1_000_000_000));
  const start = performance.now();
  const template = await startTemplate();
  try {
    await using db = await cloneDatabase(template);
    const seen = await logStorm(db, {
      writers: Number(values.writers),
      seed,
      goesOn: (count) => {
        if (count % 1000 === 0) console.error(`${count} of ${commits} commits`);
        return count < commits;
      },
    });
    const seconds = Math.round((performance.now() - start) / 1000);
    print("chaos log", { cases: [{ ...seen, seconds, seed }] }, values.json);
    process.exitCode = seen.holes + seen.lost + seen.torn === 0 ? 0 : 1;
  } finally {
    await template.stop();
  }
}
