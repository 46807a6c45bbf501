import { setTimeout as pause } from "node:timers/promises";

import { AmpServer } from "./chain/amp-server.ts";
import type { BenchTable } from "./chain/repeating-source.ts";
import { type Figures, latencies } from "./figures.ts";
import { type Database, Lab } from "./lab/lab.ts";
import { load } from "./lab/load.ts";
import { MeasuredWorker } from "./lab/measured-worker.ts";
import { BareCommits } from "./lab/observer.ts";
import type { Report } from "./print.ts";

const NS_PER_MS = 1e6;
/** Between one reorg and the next one. */
const REST_MS = 100;
/** Not counted. */
const WARM_UP_ROUNDS = 3;

export interface ReorgOptions {
  readonly rows: number;
  readonly rowsPerBlock: number;
  readonly depths: readonly number[];
  readonly rounds: number;
  readonly blockIndex: "btree" | "brin" | "none";
}

/** From a reorg at the server until another connection sees the new blocks in the place of the old ones, all depths in turns. */
export async function benchReorg(options: ReorgOptions): Promise<Report> {
  const { rows, rowsPerBlock, depths, rounds, blockIndex } = options;
  const table: BenchTable = { name: "logs", shape: "logs", rowsPerBlock };
  const blocks = Math.ceil(rows / rowsPerBlock);
  await using lab = await Lab.start();
  await using database = await lab.createDatabase();
  await using amp = await AmpServer.start({ tables: [table], blocks, blocksPerMicrobatch: 1000 });
  await using worker = await MeasuredWorker.start({ databaseUrl: database.url, ...amp.addresses });
  await load(database, { tables: [table], blocks, workers: [worker], blockIndex });
  await untilIndexed(database, worker);
  await database.query("checkpoint"); // Files of the WAL are used again from here on: their making is not what is measured.
  // Blocks that came one by one, as at a head: what a reorg replaces is many small microbatches.
  const bare = await BareCommits.start(database);
  const ms = new Map<number, number[]>(depths.map((depth) => [depth, []]));
  let head = blocks - 1;
  for (let round = 1 - WARM_UP_ROUNDS; round <= rounds; round++) {
    for (const depth of depths) {
      for (let i = 0; i < Math.min(depth, 10); i++) {
        await amp.mine();
        head += 1;
        await untilBlock(database, head);
      }
      await pause(REST_MS);
      const before = await rewrites(database);
      const at = await amp.reorg(depth);
      while ((await rewrites(database)) === before) await pause(1);
      const seen = process.hrtime.bigint();
      if (round > 0) {
        ms.get(depth)!.push(Number(seen - at) / NS_PER_MS);
        await bare.one();
      }
    }
  }
  return {
    about: {
      postgres: lab.postgresVersion,
      rows: blocks * rowsPerBlock,
      rows_per_block: rowsPerBlock,
      rounds,
    },
    cases: depths.map(
      (depth): Figures => ({ depth, ...latencies(ms.get(depth)!), ...latencies(bare.ms, "bare_commit_") }),
    ),
  };
}

async function untilIndexed(database: Database, worker: MeasuredWorker): Promise<void> {
  while (!worker.hasEnded) {
    const [row] = await database.query(
      "select coalesce(bool_and(state = 'valid'), true) as done from ampsync.indexes",
    );
    if (row!["done"] === true) return;
    await pause(100);
  }
  throw new Error(worker.tail());
}

async function untilBlock(database: Database, block: number): Promise<void> {
  while (true) {
    const [row] = await database.query("select watermark_block_num >= $1 as done from ampsync.checkpoints", [
      block,
    ]);
    if (row!["done"] === true) return;
    await pause(1);
  }
}

/** Counts the commits that replaced rows. */
async function rewrites(database: Database): Promise<number> {
  const [row] = await database.query("select rewrites from ampsync_private.stream");
  return Number(row!["rewrites"]);
}
