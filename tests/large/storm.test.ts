// Takes 63 s.
import { expect, test } from "vitest";

import { findings } from "../support/chain/linked-chain.ts";
import { createDatabase, type TestDatabase } from "../support/postgres/postgres.ts";
import { clearQueue, supervise } from "../support/postgres/queue.ts";
import { Storm } from "../support/postgres/storm.ts";
import { waitFor } from "../support/wait-for.ts";

const DATASETS = ["alpha", "beta", "gamma"];
const CERTAIN = [
  ...[
    "new_version_detected",
    "version_reload_success",
    "upgrade_started",
    "upgrade_superseded",
    "resync_started",
  ],
  ...["lease_taken_over", "stream_failed", "paused", "sync_dropped"],
];
/** What needs luck: that nobody disturbs it. */
const LUCKY = ["upgraded", "version_rolled_back", "upgrade_cancelled", "resynced", "table_orphaned"];
const RAGES_MS = 60_000;
const SEED = Number(process.env["CHAOS_SEED"] ?? Date.now() % 100_000);

/** The blocks of fork a up to one, as rows are told. */
const blocksTo = (last: number) => Array.from({ length: last + 1 }, (_, block) => `a${block}`).join(" ");

async function stillToCome(db: TestDatabase, events: readonly string[]): Promise<readonly string[]> {
  const { rows } = await db.query("select distinct e.event from ampsync.events e");
  return events.filter((event) => !rows.some((row) => row["event"] === event));
}

test(`drops, versions, upgrades, rollbacks, resyncs, pauses and dying workers at once: nobody sees an error that is not ours, and all tables are right in the end (seed ${SEED})`, async () => {
  await using db = await createDatabase();
  await using storm = new Storm(db, DATASETS);
  for (const dataset of DATASETS) await db.query("select ampsync.enqueue_sync($1)", [dataset]);
  const raging = storm.rage(SEED);
  const until = performance.now() + RAGES_MS;
  await waitFor(
    "the storm to have had its time",
    async () => performance.now() > until || (await stillToCome(db, [...CERTAIN, ...LUCKY])).length === 0,
    2 * RAGES_MS,
  ).finally(() => storm.abate());
  await raging;
  expect(await stillToCome(db, CERTAIN)).toEqual([]);
  expect(storm.faults).toEqual([]);
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
