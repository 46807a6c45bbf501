import { setTimeout as pause } from "node:timers/promises";

import { FixedSizeBinary, Uint64, Utf8 } from "apache-arrow";
import type pg from "pg";

import { startDevServer } from "../src/devserver/server.ts";
import { GeneratedSource } from "../src/devserver/sources/generated/source.ts";
import { VersionSource, type VersionTables } from "../tests/support/chain/version-source.ts";
import { cloneDatabase, type TestDatabase } from "../tests/support/postgres/database.ts";
import { startTemplate } from "../tests/support/postgres/template.ts";
import { WorkerProcess } from "../tests/support/worker/worker-process.ts";
import type { Report } from "./print.ts";

const ROWS_PER_BLOCK = 3;
const HASH = { type: new FixedSizeBinary(32), nullable: false };
const OLD: VersionTables = {
  blocks: { block_hash: HASH, size: new Uint64() },
  logs: { block_hash: HASH, note: new Utf8(), size: new Uint64() },
  transactions: { block_hash: HASH, note: new Utf8() },
};
/** Another type, a column less, and a table that stays the same. */
const NEW: VersionTables = {
  blocks: { block_hash: HASH, size: new Utf8() },
  logs: { block_hash: HASH, size: new Uint64() },
  transactions: { block_hash: HASH, note: new Utf8() },
};
/** One reader of each table, and one of a view that the upgrade has to define anew. */
const QUERIES = ["blocks", "logs", "transactions", "joined"].map(
  (name) => `select block_hash from chain.${name} order by _block_num desc limit 1`,
);

/** How long readers wait while a dataset is upgraded, and rolled back, with a block every 100 ms. */
export async function benchUpgrade(options: { readonly rows: number }): Promise<Report> {
  const chain = new GeneratedSource({ blocks: Math.ceil(options.rows / ROWS_PER_BLOCK) });
  const template = await startTemplate();
  const source = new VersionSource(chain, OLD, { rowsPerBlock: ROWS_PER_BLOCK });
  const dataset = { namespace: "_", name: "anvil", version: "1.0.0" };
  const server = await startDevServer({ source, dataset });
  const db = await cloneDatabase(template);
  const worker = new WorkerProcess({ databaseUrl: db.url, ...server });
  const mining = setInterval(() => chain.mine(1), 100);
  try {
    await db.query("select ampsync.enqueue_sync('anvil', target_schema => 'chain', poll_interval => '1 s')");
    await until(db, "select count(*) = 3 and bool_and(state = 'live') from ampsync.streams");
    await until(db, "select count(*) = 3 and bool_and(state = 'valid') from ampsync.indexes");
    await db.query(
      "create view chain.joined as select _block_num, b.block_hash, b.size from chain.blocks b join chain.logs l using (_block_num)",
    );
    const size = await firstNumber(db, "select sum(rows)::int from ampsync.streams");
    const calm = await worstWait(db, () => pause(10_000));
    server.publish("2.0.0", new VersionSource(chain, NEW, { rowsPerBlock: ROWS_PER_BLOCK }));
    await until(db, "select new_version is not null from ampsync.status");
    const start = performance.now();
    const upgrade = await worstWait(db, async () => {
      await db.query("select ampsync.resync('anvil')");
      await until(db, "select count(*) = 1 from ampsync.events where event = 'upgraded'");
    });
    const seconds = Math.round((performance.now() - start) / 1000);
    const stood = await firstNumber(
      db,
      `select round(extract(epoch from max(at) filter (where event = 'upgraded') - max(at) filter (where event = 'upgrade_frozen')), 2)
         from ampsync.events`,
    );
    await until(db, "select bool_and(state = 'live') from ampsync.streams");
    const rollback = await worstWait(db, () => db.query("select ampsync.rollback_version('anvil')"));
    const figures = {
      rows: size,
      upgrade_s: seconds,
      frozen_s: stood,
      calm_wait_ms: calm,
      upgrade_wait_ms: upgrade,
      rollback_wait_ms: rollback,
    };
    return { cases: [figures] };
  } finally {
    clearInterval(mining);
    await worker[Symbol.asyncDispose]();
    await server.stop();
    await db.drop();
    await template.stop();
  }
}

/** The longest time that one query of a reader took while something happened, in whole milliseconds. */
async function worstWait(db: TestDatabase, work: () => Promise<unknown>): Promise<number> {
  let isOver = false;
  const read = async (client: pg.Client, query: string): Promise<number> => {
    let worst = 0;
    while (!isOver) {
      const start = performance.now();
      const { rowCount } = await client.query(query);
      if (rowCount !== 1) throw new Error(`no row: ${query}`);
      worst = Math.max(worst, performance.now() - start);
      await pause(10);
    }
    return worst;
  };
  const readers = Promise.all(QUERIES.map(async (query) => read(await db.client(), query)));
  await Promise.race([work(), readers]);
  isOver = true;
  return Math.round(Math.max(...(await readers)));
}

async function until(db: TestDatabase, query: string): Promise<void> {
  while ((await firstValue(db, query)) !== true) await pause(100);
}

async function firstNumber(db: TestDatabase, query: string): Promise<number> {
  return Number(await firstValue(db, query));
}

async function firstValue(db: TestDatabase, query: string): Promise<unknown> {
  const { rows } = await db.query(query);
  return Object.values(rows[0]!)[0];
}
