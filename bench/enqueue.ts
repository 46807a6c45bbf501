import { setTimeout as pause } from "node:timers/promises";

import { AmpServer } from "./chain/amp-server.ts";
import type { BenchTable } from "./chain/repeating-source.ts";
import { latencies, median, round } from "./figures.ts";
import { Lab } from "./lab/lab.ts";
import { MeasuredWorker } from "./lab/measured-worker.ts";
import type { Report } from "./print.ts";

const BLOCKS = 1000;
const ROWS_PER_BLOCK = 20;
const TABLES: readonly BenchTable[] = (["blocks", "logs", "transactions"] as const).map((shape) => ({
  name: shape,
  shape,
  rowsPerBlock: shape === "blocks" ? 1 : ROWS_PER_BLOCK,
}));

/** From the call of enqueue_sync until rows of all three tables of a dataset are visible, on a worker that has nothing to do. */
export async function benchEnqueue({ rounds }: { readonly rounds: number }): Promise<Report> {
  await using lab = await Lab.start();
  await using database = await lab.createDatabase();
  await using amp = await AmpServer.start({ tables: TABLES, blocks: BLOCKS, blocksPerMicrobatch: 100 });
  await using worker = await MeasuredWorker.start({ databaseUrl: database.url, ...amp.addresses });
  const first: number[] = [];
  const slowest: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const start = performance.now();
    await database.query("select ampsync.enqueue_sync('bench', target_schema => 'bench')");
    for (let tables = 0; tables < TABLES.length; await pause(1)) {
      const [row] = await database.query("select count(*)::int as tables from ampsync.checkpoints");
      if (tables === 0 && row!["tables"] > 0) first.push(performance.now() - start);
      tables = row!["tables"];
      if (worker.hasEnded) throw new Error(worker.tail());
    }
    slowest.push(performance.now() - start);
    await database.query("select ampsync.drop_sync('bench', drop_tables => true)");
    await pause(500);
  }
  return {
    about: { postgres: lab.postgresVersion, rounds, tables: TABLES.length },
    cases: [
      {
        first_ms: round(first[0]!, 1), // Nothing of it was compiled yet, and no connection open.
        ...latencies(first),
        slowest_table_p50_ms: round(median(slowest), 1),
      },
    ],
  };
}
