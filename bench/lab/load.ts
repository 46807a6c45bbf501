import { setTimeout as pause } from "node:timers/promises";

import type { BenchTable } from "../chain/repeating-source.ts";
import { BackendCpu } from "./backend-cpu.ts";
import type { Database } from "./lab.ts";
import type { MeasuredWorker } from "./measured-worker.ts";

const LOOK_MS = 10;
const SCHEMA = "bench";

/** Where the rows of a table are after a load. */
export const loadedTable = ({ name }: BenchTable) => `${SCHEMA}.${name}`;

export interface Loaded {
  /** From enqueue_sync to the last visible row. */
  readonly seconds: number;
  readonly workerCpuS: number;
  readonly backendCpuS: number;
  readonly markCompacts: number;
  readonly scavenges: number;
  /** The highest of any worker. */
  readonly workerRssMib: number;
  readonly walBytes: number;
  /** The longest time between two commits of a table that was not finished. */
  readonly longestPauseS: number;
  /** How many rows were visible when. */
  readonly progress: readonly { readonly s: number; readonly rows: number }[];
}

export interface LoadOptions {
  readonly tables: readonly BenchTable[];
  readonly blocks: number;
  readonly workers: readonly MeasuredWorker[];
  /** The index on the block that the table gets at the head. */
  readonly blockIndex?: "btree" | "brin" | "none";
  /** Whether it is published, from its first rows on. */
  readonly isPublished?: boolean;
}

/** Loads the blocks of a server through the whole product. */
export async function load(
  database: Database,
  { tables, blocks, workers, blockIndex = "btree", isPublished = false }: LoadOptions,
): Promise<Loaded> {
  const backends = new BackendCpu(database);
  const watch = new Watch(tables, blocks);
  await database.query("checkpoint");
  const walFrom = await walPosition(database);
  await backends.begin();
  for (const worker of workers) worker.begin();

  const start = performance.now();
  await database.query("select ampsync.enqueue_sync('bench', target_schema => $1, block_index => $2)", [
    SCHEMA,
    blockIndex,
  ]);
  if (isPublished) await database.query("select ampsync.publish_dataset('bench')");
  let live = 0;
  while (!watch.isDone) {
    await backends.sample();
    if (isPublished && live < tables.length) {
      live += Number((await database.query("select ampsync_worker.activate_targets() as live"))[0]!["live"]);
    }
    const rows = await database.query("select target_table, watermark_block_num from ampsync.checkpoints");
    watch.look((performance.now() - start) / 1000, rows);
    if (workers.every((worker) => worker.hasEnded)) throw new Error(workers[0]!.tail());
    await pause(LOOK_MS);
  }
  const seconds = watch.progress.at(-1)!.s;
  const used = workers.map((worker) => worker.used());
  const sum = (of: (use: (typeof used)[number]) => number) => used.reduce((total, use) => total + of(use), 0);
  return {
    seconds,
    workerCpuS: sum((use) => use.cpuS),
    backendCpuS: await backends.usedS(),
    markCompacts: sum((use) => use.markCompacts),
    scavenges: sum((use) => use.scavenges),
    workerRssMib: Math.max(...used.map((use) => use.peakRssMib)),
    walBytes: (await walPosition(database)) - walFrom,
    longestPauseS: watch.longestPauseS,
    progress: watch.progress,
  };
}

/** Bytes of WAL written so far, here and for all databases of the server. */
export async function walPosition(database: Database): Promise<number> {
  const [row] = await database.query("select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::text as bytes");
  return Number(row!["bytes"]);
}

/** What the checkpoints say, look by look. */
class Watch {
  readonly progress: { s: number; rows: number }[] = [];
  longestPauseS = 0;
  isDone = false;
  readonly #blocks: number;
  readonly #rowsPerBlock: ReadonlyMap<string, number>;
  readonly #moved = new Map<string, { block: number; s: number }>();

  constructor(tables: readonly BenchTable[], blocks: number) {
    this.#blocks = blocks;
    this.#rowsPerBlock = new Map(tables.map(({ name, rowsPerBlock }) => [name, rowsPerBlock]));
  }

  look(s: number, checkpoints: readonly Record<string, unknown>[]): void {
    for (const checkpoint of checkpoints) {
      const table = String(checkpoint["target_table"]);
      const block = Number(checkpoint["watermark_block_num"]);
      const before = this.#moved.get(table);
      if (before !== undefined && before.block < this.#blocks - 1) {
        this.longestPauseS = Math.max(this.longestPauseS, s - before.s);
      }
      if (before?.block !== block) this.#moved.set(table, { block, s });
    }
    let rows = 0;
    for (const [table, { block }] of this.#moved) rows += (block + 1) * this.#rowsPerBlock.get(table)!;
    if (rows !== this.progress.at(-1)?.rows) this.progress.push({ s, rows });
    this.isDone =
      this.#moved.size === this.#rowsPerBlock.size &&
      [...this.#moved.values()].every(({ block }) => block === this.#blocks - 1);
  }
}
