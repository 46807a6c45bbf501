// Takes 30 s.
import { setTimeout as pause } from "node:timers/promises";

import { expect, test } from "vitest";

import { findings } from "../support/chain/linked-chain.ts";
import { createDatabase } from "../support/postgres/postgres.ts";
import { clearQueue, supervise } from "../support/postgres/queue.ts";
import { Storm } from "../support/postgres/storm.ts";

const DATASETS = ["alpha", "beta", "gamma"];
const RAGES_MS = 15_000;
const SEED = Number(process.env["CHAOS_SEED"] ?? Date.now() % 100_000);

/** The blocks of fork a up to one, as rows are told. */
const blocksTo = (last: number) => Array.from({ length: last + 1 }, (_, block) => `a${block}`).join(" ");

test(`drops, versions, upgrades, rollbacks, resyncs, pauses and dying workers at once: nobody sees an error that is not ours, and all tables are right in the end (seed ${SEED})`, async () => {
  await using db = await createDatabase();
  await using storm = new Storm(db, DATASETS);
  for (const dataset of DATASETS) await db.query("select ampsync.enqueue_sync($1)", [dataset]);
  const raging = storm.rage(SEED);
  await pause(RAGES_MS);
  storm.abate();
  await raging;
  expect(storm.faults).toEqual([]);
  for (const what of ["pass ok", "job ok", "drop_sync ok", "rollback_version ok", "pause_sync ok"]) {
    expect(storm.counts.get(what), what).toBeGreaterThan(0);
  }

  expect(await storm.settle()).toEqual([]);
  for (const dataset of DATASETS) expect(await findings(db, null, dataset)).toEqual([]);
  const { rows: streams } = await db.query(
    `select s.target::text as target, s.checkpoint_block::int as block
       from ampsync_private.stream s where s.target is not null and s.checkpoint_block is not null`,
  );
  for (const { target, block } of streams) {
    const { rows } = await db.query(
      `select string_agg(chr(get_byte(t.block_hash, 0)) || t._block_num, ' ' order by t._id) as rows from ${target} t`,
    );
    expect([target, rows[0]!["rows"]]).toEqual([target, blocksTo(block)]);
  }

  await clearQueue(db);
  await supervise(db);
  const { rows: stuck } = await db.query(
    `select s.stream_id from ampsync_private.stream s
      where not ampsync_private.is_halted(s.state)
        and not exists (select from graphile_worker.jobs j where j.key = 'ampsync_stream:' || s.stream_id)`,
  );
  expect(stuck).toEqual([]);
});
