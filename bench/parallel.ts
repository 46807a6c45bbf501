import { join } from "node:path";

import { AmpServer } from "./chain/amp-server.ts";
import type { BenchTable } from "./chain/repeating-source.ts";
import { median, round } from "./figures.ts";
import { type Baseline, bareCopy, copyClient } from "./lab/baselines.ts";
import { writeCopyFile } from "./lab/copy-file.ts";
import { Lab } from "./lab/lab.ts";
import { load, loadedTable } from "./lab/load.ts";
import { MeasuredWorker } from "./lab/measured-worker.ts";
import type { Report } from "./print.ts";

const ROWS_PER_BLOCK = 100;

/** Whether two COPYs of disjoint block ranges into one table are faster than one COPY of all (ADR 20). */
export async function benchParallel(options: {
  readonly rows: number;
  readonly rounds: number;
}): Promise<Report> {
  const logs: BenchTable = { name: "logs", shape: "logs", rowsPerBlock: ROWS_PER_BLOCK };
  const blocks = Math.ceil(options.rows / ROWS_PER_BLOCK);
  const rows = blocks * ROWS_PER_BLOCK;
  await using lab = await Lab.start();
  await using database = await lab.createDatabase();
  const table = loadedTable(logs);
  const whole = join(lab.folder, "whole.copy");
  const halves = [join(lab.folder, "lower.copy"), join(lab.folder, "upper.copy")] as const;
  {
    await using amp = await AmpServer.start({ tables: [logs], blocks, blocksPerMicrobatch: 1000 });
    await using worker = await MeasuredWorker.start({ databaseUrl: database.url, ...amp.addresses });
    await load(database, { tables: [logs], blocks, workers: [worker] });
  }
  await database.query("select ampsync.drop_sync('bench')"); // The table is ours now: without it the index builder would go on.
  await writeCopyFile(database, table, whole);
  const middle = Math.floor(blocks / 2);
  await writeCopyFile(database, `(select * from ${table} where _block_num < ${middle})`, halves[0]);
  await writeCopyFile(database, `(select * from ${table} where _block_num >= ${middle})`, halves[1]);

  const one: Baseline[] = [];
  const two: Baseline[] = [];
  for (let i = 1; i <= options.rounds; i++) {
    const measureOne = async () => void one.push(await bareCopy(database, [{ table, file: whole }]));
    const measureTwo = async () =>
      void two.push(
        await bareCopy(
          database,
          halves.map((file) => ({ table, file })),
        ),
      );
    for (const measure of i % 2 === 1 ? [measureOne, measureTwo] : [measureTwo, measureOne]) await measure();
    console.error(
      `round ${i}: one ${one.at(-1)!.seconds.toFixed(2)} s, two ${two.at(-1)!.seconds.toFixed(2)} s`,
    );
  }
  const ratios = one.map((each, i) => each.seconds / two[i]!.seconds);
  const perRow = (baselines: readonly Baseline[]) =>
    round((median(baselines.map(({ backendCpuS }) => backendCpuS)) * 1e6) / rows, 2);
  return {
    about: { postgres: lab.postgresVersion, rows, rounds: options.rounds, copy_by: copyClient },
    cases: [
      {
        one_rows_per_s: Math.round(rows / median(one.map(({ seconds }) => seconds))),
        two_rows_per_s: Math.round(rows / median(two.map(({ seconds }) => seconds))),
        speed_up: round(median(ratios), 2),
        speed_up_lowest: round(Math.min(...ratios), 2),
        speed_up_highest: round(Math.max(...ratios), 2),
        one_backend_cpu_us_per_row: perRow(one),
        two_backend_cpu_us_per_row: perRow(two),
      },
    ],
  };
}
