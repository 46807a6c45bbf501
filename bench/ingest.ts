import { join } from "node:path";

import { AmpServer } from "./chain/amp-server.ts";
import type { BenchTable, Shape } from "./chain/repeating-source.ts";
import { type Figures, median, round } from "./figures.ts";
import { type Baseline, type BaselineTable, bareCopy, copyClient, tempTableWay } from "./lab/baselines.ts";
import { TEMP_TABLE_ROWS, writeBatches, writeCopyFile } from "./lab/copy-file.ts";
import { type Database, Lab } from "./lab/lab.ts";
import { type Loaded, load, loadedTable } from "./lab/load.ts";
import { startWorkers } from "./lab/measured-worker.ts";
import { cpuS } from "./lab/process-figures.ts";
import type { Report } from "./print.ts";

/** Rows of each table for each log, when blocks, logs and transactions are loaded at once. */
const OF_A_BLOCK = { blocks: 0, logs: 1, transactions: 1 / 3 } as const;

export interface IngestOptions {
  /** Of all tables together. */
  readonly rows: number;
  readonly tables: number;
  readonly shape: Shape;
  /** Rows of a table per block, and blocks per microbatch. */
  readonly microbatch: { readonly rows: number; readonly blocks: number };
  readonly workers: number;
  readonly rounds: number;
  readonly baselines: readonly ("copy" | "temp-table")[];
}

interface Round {
  readonly loaded: Loaded & { readonly serverCpuS: number };
  readonly copy: Baseline | null;
  readonly tempTable: Baseline | null;
}

/**
 * Loads a chain through the whole product, from a server in another process, in turns with what the
 * same rows cost otherwise: a bare COPY of the identical bytes, and the way of tools that stage each
 * batch in a temporary table. The order changes from round to round.
 */
export async function benchIngest(options: IngestOptions): Promise<Report> {
  const { workers, baselines } = options;
  const tables = tablesOf(options);
  const rowsPerBlock = tables.reduce((sum, table) => sum + table.rowsPerBlock, 0);
  const blocks = Math.ceil(options.rows / rowsPerBlock);
  const rows = blocks * rowsPerBlock;
  await using lab = await Lab.start();
  await using amp = await AmpServer.start({ tables, blocks, blocksPerMicrobatch: options.microbatch.blocks });

  const loadInto = async (database: Database) => {
    await using stack = new AsyncDisposableStack();
    const started = await startWorkers(stack, workers, { databaseUrl: database.url, ...amp.addresses });
    const before = cpuS(amp.pid);
    const loaded = await load(database, { tables, blocks, workers: started });
    return { ...loaded, serverCpuS: cpuS(amp.pid) - before };
  };
  const loadOnce = async () => {
    await using database = await lab.createDatabase();
    return await loadInto(database);
  };
  // The rows of the first load are what the baselines are fed with, so its database stays.
  await using first = await lab.createDatabase();
  const firstLoad = await loadInto(first);
  const fed = await writeFiles(first, tables, lab.folder, baselines);
  const compare = async () => ({
    copy: baselines.includes("copy") ? await bareCopy(first, fed.whole) : null,
    tempTable: baselines.includes("temp-table") ? await tempTableWay(first, fed.batches) : null,
  });

  const rounds: Round[] = [];
  for (let number = 1; number <= options.rounds; number++) {
    let round: Round;
    if (number % 2 === 1) {
      const loaded = number === 1 ? firstLoad : await loadOnce();
      round = { loaded, ...(await compare()) };
    } else {
      const compared = await compare();
      round = { loaded: await loadOnce(), ...compared };
    }
    rounds.push(round);
    say(number, round);
  }
  return {
    about: {
      postgres: lab.postgresVersion,
      rows,
      shape: tables.map(({ shape }) => shape).join("+"),
      microbatch: `${options.microbatch.rows}x${options.microbatch.blocks}`,
      workers,
      rounds: rounds.length,
      copy_by: copyClient,
    },
    cases: [figures(rows, rounds)],
  };
}

function tablesOf({ tables, shape, microbatch }: IngestOptions): readonly BenchTable[] {
  if (tables === 3) {
    return Object.entries(OF_A_BLOCK).map(([name, part]) => ({
      name,
      shape: name as keyof typeof OF_A_BLOCK,
      rowsPerBlock: Math.max(1, Math.round(part * microbatch.rows)),
    }));
  }
  return Array.from({ length: tables }, (_, i) => ({
    name: i === 0 ? shape : `${shape}_${i + 1}`,
    shape,
    rowsPerBlock: microbatch.rows,
  }));
}

async function writeFiles(
  database: Database,
  tables: readonly BenchTable[],
  folder: string,
  baselines: IngestOptions["baselines"],
) {
  const whole: BaselineTable[] = [];
  const batches: BaselineTable[] = [];
  for (const table of tables) {
    const file = join(folder, `${table.name}.copy`);
    await writeCopyFile(database, loadedTable(table), file);
    whole.push({ table: loadedTable(table), file });
    if (baselines.includes("temp-table")) {
      await writeBatches(file, `${file}.batches`, TEMP_TABLE_ROWS);
      batches.push({ table: loadedTable(table), file: `${file}.batches` });
    }
  }
  return { whole, batches };
}

function say(number: number, { loaded, copy, tempTable }: Round): void {
  const seconds = (what: string, s: number | undefined) =>
    s === undefined ? [] : [`${what} ${s.toFixed(2)} s`];
  const parts = [
    ...seconds("load", loaded.seconds),
    ...seconds("bare COPY", copy?.seconds),
    ...seconds("temporary table", tempTable?.seconds),
  ];
  console.error(`round ${number}: ${parts.join(", ")}`);
}

/** Medians of all rounds; a ratio is the median of the ratios of the rounds. */
function figures(rows: number, rounds: readonly Round[]): Figures {
  const middle = (of: (round: Round) => number) => median(rounds.map(of));
  const load = (of: (loaded: Round["loaded"]) => number) => middle(({ loaded }) => of(loaded));
  const perRow = (seconds: number) => round((seconds * 1e6) / rows, 3);
  const result: Record<string, number> = {
    rows_per_s: Math.round(load(({ seconds }) => rows / seconds)),
    seconds: round(
      load(({ seconds }) => seconds),
      2,
    ),
    worker_cpu_us_per_row: perRow(load(({ workerCpuS }) => workerCpuS)),
    backend_cpu_us_per_row: perRow(load(({ backendCpuS }) => backendCpuS)),
    ratio_worker_backend_cpu: round(
      load(({ workerCpuS, backendCpuS }) => workerCpuS / backendCpuS),
      3,
    ),
    server_cpu_us_per_row: perRow(load(({ serverCpuS }) => serverCpuS)),
    mark_compacts: load(({ markCompacts }) => markCompacts),
    scavenges: load(({ scavenges }) => scavenges),
    worker_rss_mib: Math.max(...rounds.map(({ loaded }) => loaded.workerRssMib)),
    wal_bytes_per_row: Math.round(load(({ walBytes }) => walBytes / rows)),
    longest_pause_s: round(Math.max(...rounds.map(({ loaded }) => loaded.longestPauseS)), 2),
  };
  const addBaseline = (name: string, of: (round: Round) => Baseline | null) => {
    if (rounds.some((each) => of(each) === null)) return;
    const baseline = (figure: (baseline: Baseline) => number) => middle((each) => figure(of(each)!));
    const ratios = rounds.map((each) => of(each)!.seconds / each.loaded.seconds);
    result[`ratio_${name}`] = round(median(ratios), 3);
    result[`ratio_${name}_lowest`] = round(Math.min(...ratios), 3);
    result[`ratio_${name}_highest`] = round(Math.max(...ratios), 3);
    result[`${name}_rows_per_s`] = Math.round(baseline(({ seconds }) => rows / seconds));
    result[`${name}_backend_cpu_us_per_row`] = perRow(baseline(({ backendCpuS }) => backendCpuS));
    result[`${name}_wal_bytes_per_row`] = Math.round(baseline(({ walBytes }) => walBytes / rows));
  };
  addBaseline("raw_copy", ({ copy }) => copy);
  addBaseline("temp_table", ({ tempTable }) => tempTable);
  return result;
}
