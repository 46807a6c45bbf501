// npm run chaos -- ingest --kills 500 --seed 1 --json: three HTTP sources are read (by cursor, by offset, in windows) while
// workers are killed with -9 at random moments and readers look on. With --stops 20: told to stop at so many moments. With
// --locked 60: their target is locked for so many seconds. Exits 1 unless all is as it must be.
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";

import { runIngestKills } from "../tests/support/http/ingest-kills.ts";
import { runIngestStops } from "../tests/support/http/ingest-stops.ts";
import { runLockedTarget } from "../tests/support/http/locked-target.ts";
import { cloneDatabase } from "../tests/support/postgres/database.ts";
import { startTemplate } from "../tests/support/postgres/template.ts";
import { print } from "./print.ts";

/** What a worker may need, with pages of up to 4 MiB. */
const MOST_MIB = 300;
const MOST_STOP_MS = 10_000;

export async function chaosOfIngest(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      kills: { type: "string", default: "500" },
      stops: { type: "string" },
      locked: { type: "string" },
      seed: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const seed = Number(values.seed ?? randomInt(1, 1_000_000_000));
  const onProgress = (line: string) => console.error(line);
  const template = await startTemplate();
  try {
    await using db = await cloneDatabase(template);
    const show = (name: string, { faults, ...figures }: { readonly faults: readonly string[] }) => {
      for (const fault of faults) console.error(fault);
      print(`chaos ingest ${name}`, { cases: [{ ...figures, faults: faults.length }] }, values.json);
    };
    if (values.stops !== undefined) {
      const result = await runIngestStops(db, {
        stops: Number(values.stops),
        seed,
        lateEvery: 5,
        onProgress,
      });
      show("stops", result);
      process.exitCode = result.faults.length === 0 && result.slowestMs <= MOST_STOP_MS ? 0 : 1;
    } else if (values.locked !== undefined) {
      const result = await runLockedTarget(db, {
        ...{ records: 400_000, pageSize: 13_000, seconds: Number(values.locked) },
      });
      show("locked", result);
      process.exitCode = result.faults.length === 0 && result.rssMiB <= MOST_MIB ? 0 : 1;
    } else {
      const result = await runIngestKills(db, { kills: Number(values.kills), seed, onProgress });
      show("kills", result);
      process.exitCode = result.lost + result.doubled + result.faults.length === 0 ? 0 : 1;
    }
  } finally {
    await template.stop();
  }
}
