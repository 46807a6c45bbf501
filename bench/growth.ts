import { join } from "node:path";

import { AmpServer } from "./chain/amp-server.ts";
import type { BenchTable, Shape } from "./chain/repeating-source.ts";
import { round } from "./figures.ts";
import { tempTableWay } from "./lab/baselines.ts";
import { TEMP_TABLE_ROWS, writeBatches, writeCopyFile } from "./lab/copy-file.ts";
import { Lab } from "./lab/lab.ts";
import { type Loaded, load, loadedTable } from "./lab/load.ts";
import { MeasuredWorker } from "./lab/measured-worker.ts";
import type { Report } from "./print.ts";

const ROWS_PER_BLOCK = 100;
const MILLION = 1_000_000;

export interface GrowthOptions {
  readonly rows: number;
  readonly shape: Shape;
  /** Load the same rows through a temporary table as well. */
  readonly tempTable: boolean;
}

/** Whether a table that has grown is loaded as fast as an empty one. */
export async function benchGrowth({ rows, shape, tempTable }: GrowthOptions): Promise<Report> {
  const table: BenchTable = { name: shape, shape, rowsPerBlock: ROWS_PER_BLOCK };
  const blocks = Math.ceil(rows / ROWS_PER_BLOCK);
  await using lab = await Lab.start();
  await using database = await lab.createDatabase();
  await using amp = await AmpServer.start({ tables: [table], blocks, blocksPerMicrobatch: 1000 });
  await using worker = await MeasuredWorker.start({ databaseUrl: database.url, ...amp.addresses });
  const loaded = await load(database, { tables: [table], blocks, workers: [worker] });
  const rates = perMillion(loaded.progress);
  const figures = {
    rows_per_s: Math.round(rows / loaded.seconds),
    last_per_first_million: round(rates.at(-1)! / rates[0]!, 3),
    lowest_per_first_million: round(Math.min(...rates) / rates[0]!, 3),
    worker_rss_mib: loaded.workerRssMib,
    longest_pause_s: round(loaded.longestPauseS, 2),
    rows_per_s_per_million: rates,
  };
  const about = { postgres: lab.postgresVersion, rows: blocks * ROWS_PER_BLOCK, shape };
  if (!tempTable) return { about, cases: [figures] };

  const file = join(lab.folder, "rows.copy");
  await writeCopyFile(database, loadedTable(table), file);
  await writeBatches(file, `${file}.batches`, TEMP_TABLE_ROWS);
  const other = await tempTableWay(database, [{ table: loadedTable(table), file: `${file}.batches` }]);
  const compared = {
    temp_table_rows_per_s: Math.round(rows / other.seconds),
    ratio_temp_table: round(other.seconds / loaded.seconds, 2),
  };
  return { about, cases: [{ ...figures, ...compared }] };
}

/** Rows per second of each million, from the first visible row on. */
function perMillion(progress: Loaded["progress"]): number[] {
  const first = progress[0]!;
  const last = progress.at(-1)!;
  const rates: number[] = [];
  let before = first;
  for (let rows = MILLION; rows <= last.rows; rows += MILLION) {
    const at = progress.find((each) => each.rows >= rows)!;
    rates.push(Math.round((at.rows - before.rows) / (at.s - before.s)));
    before = at;
  }
  return rates;
}
