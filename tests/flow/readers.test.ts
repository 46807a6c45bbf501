// Takes 27 s.
import pg from "pg";
import { expect, test } from "vitest";

import { startDevServer } from "../../src/devserver/server.ts";
import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { migrate } from "../../src/install/migrate.ts";
import { createLog } from "../../src/log.ts";
import { newDataDir } from "../support/postgres/data-dir.ts";
import { startPostgres } from "../support/postgres/start-postgres.ts";
import { waitFor } from "../support/wait-for.ts";
import { ChainWatch } from "../support/watch/chain-watch.ts";
import { Scenario } from "../support/worker/scenario.ts";
import { Worker } from "../support/worker/worker.ts";

const DEEPEST = 50;
const ROWS = { blocks: 1, logs: 3, transactions: 1 };

test("a reader that polls during a backfill sees whole microbatches only, and no gap below the tip", async () => {
  const microbatch = 50;
  const source = new GeneratedSource({ blocks: 4000, logsPerBlock: ROWS.logs, transactionsPerBlock: 1 });
  await using scenario = await Scenario.start({ source, maxBlocksPerMicrobatch: microbatch });
  scenario.startWorker();
  await scenario.sync();
  await scenario.until("the tables", async () => {
    const { rows } = await scenario.db.query("select count(target)::int as n from ampsync_private.stream");
    return rows[0]!["n"] === 3;
  });
  const tips = new Set<number>();
  await scenario.until("the head", async () => {
    const { rows } = await scenario.db.query(
      `select coalesce(max(_block_num) + 1, 0)::int as blocks, count(*)::int as rows from chain.logs`,
    );
    const { blocks, rows: count } = rows[0] as { blocks: number; rows: number };
    expect(count).toBe(blocks * ROWS.logs);
    expect(blocks % microbatch).toBe(0);
    tips.add(blocks);
    return blocks === 4000;
  });
  expect(tips.size).toBeGreaterThan(2);
});

test(`a reader during reorgs of depth 1 to ${DEEPEST} sees no hole and no mixed forks`, async () => {
  const source = new GeneratedSource({ blocks: 120, logsPerBlock: ROWS.logs, transactionsPerBlock: 1 });
  await using scenario = await Scenario.start({ source, maxBlocksPerMicrobatch: 20 });
  scenario.startWorker();
  const sync = await scenario.sync();
  await sync.reaches();
  await using watch = new ChainWatch(await scenario.db.client(), "chain", source, ROWS);
  watch.remember();
  watch.poll();
  for (let depth = 1; depth <= DEEPEST; depth++) {
    source.reorg(depth, depth + (depth % 3) - 1 || 1);
    watch.remember();
    await sync.reaches();
    await watch.look();
  }
  expect(watch.faults).toEqual([]);
  await sync.expectFreshLoad();
});

test(`a consumer of logical replication during reorgs of depth 1 to ${DEEPEST}: each transaction leads from one whole chain to another`, async () => {
  await using stack = new AsyncDisposableStack();
  // What is not flushed is not told to consumers.
  const settings = { wal_level: "logical", max_replication_slots: "2", synchronous_commit: "on" };
  const postgres = await startPostgres({ dataDir: newDataDir(), persistent: false, settings });
  stack.defer(() => postgres.stop());
  const databaseUrl = postgres.connectionString();
  await migrate(databaseUrl, { log: createLog("warn", (line) => process.stderr.write(line)) });
  const db = new pg.Client({ connectionString: databaseUrl });
  await db.connect();
  stack.defer(() => db.end());
  const source = new GeneratedSource({ blocks: 120 });
  const server = await startDevServer({ source, maxBlocksPerMicrobatch: 20 });
  stack.defer(() => server.stop());
  await db.query("select pg_create_logical_replication_slot('consumer', 'test_decoding')");

  stack.use(new Worker({ ...server, databaseUrl }));
  const known = new Map<string, { number: bigint; parentHash: string }>();
  async function reach(): Promise<void> {
    const head = source.chain.head()!;
    for (let n = 0n; n <= head.number; n++) {
      const block = source.chain.canonical(n)!;
      known.set(block.hash, block);
    }
    await waitFor(`block ${head.number}`, async () => {
      const { rows } = await db.query("select checkpoint_hash as hash from ampsync_private.stream");
      return rows[0]?.hash?.toString("hex") === head.hash.slice(2);
    });
  }
  await db.query("select ampsync.enqueue_sync('anvil', '{blocks}', 'chain')");
  await reach();
  for (let depth = 1; depth <= DEEPEST; depth++) {
    source.reorg(depth);
    await reach();
  }

  const held = new Map<string, { number: string; hash: string }>();
  let reorgs = 0;
  let deletes = 0;
  const { rows: changes } = await db.query(
    "select data from pg_logical_slot_get_changes('consumer', null, null)",
  );
  for (const { data } of changes as { data: string }[]) {
    const id = /^table chain\.blocks: .* ?_id\[bytea\]:'(\S+)'/.exec(data)?.[1];
    if (data.startsWith("BEGIN")) deletes = 0;
    else if (id !== undefined && data.startsWith("table chain.blocks: INSERT")) {
      expect(held.has(id)).toBe(false);
      const number = / _block_num\[bigint\]:(\d+)/.exec(data)![1]!;
      held.set(id, { number, hash: `0x${/ hash\[bytea\]:'\\x(\w+)'/.exec(data)![1]}` });
    } else if (id !== undefined && data.startsWith("table chain.blocks: DELETE")) {
      deletes++;
      expect(held.delete(id)).toBe(true);
    } else if (data.startsWith("COMMIT")) {
      if (deletes > 0) reorgs++;
      const chain = [...held.values()].sort((a, b) => Number(a.number) - Number(b.number));
      chain.forEach(({ number, hash }, i) => {
        expect(number).toBe(`${i}`);
        if (i > 0) expect(known.get(hash)!.parentHash).toBe(chain[i - 1]!.hash);
      });
    }
  }
  expect(reorgs).toBe(DEEPEST);
  expect(held.size).toBe(Number(source.chain.head()!.number) + 1);
});
