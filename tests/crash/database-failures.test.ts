// Takes 20 s.
import { describe, expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { sharedScenario } from "../support/worker/shared-scenario.ts";
import type { Sync } from "../support/worker/sync.ts";

const LOGS_PER_BLOCK = 5;

const scenario = sharedScenario({ maxBlocksPerMicrobatch: 20 });

function chainOf(blocks: number): GeneratedSource {
  return new GeneratedSource({ blocks, logsPerBlock: LOGS_PER_BLOCK });
}

async function following(source: GeneratedSource): Promise<Sync> {
  const sync = await scenario.follow(source);
  await sync.catchesUp();
  return sync;
}

/** The lease clock moves and the queue's does not: whatever backs off meanwhile is made due, as often as it does. */
async function releases(sync: Sync): Promise<void> {
  await scenario.expireLeases(); // A release may have met a broken connection.
  // The lease of a pass that the moved clock ends may be renewed by a beat under way: then it has its whole time.
  await sync.catchesUp({ deadlineMs: 75_000 });
}

const ALL_OF_OURS = `select pg_terminate_backend(a.pid) from pg_stat_activity a
   where a.datname = current_database() and a.pid <> pg_backend_pid()
     and (a.application_name in ('ampsync worker', 'ampsync heartbeat'))`;

/** Statements of the two procedures, each by the lock of somebody else that it waits for; with what brings it there. */
const WAITS: readonly [string, (schema: string) => string, (source: GeneratedSource) => void][] = [
  [
    "the removal of rows",
    (schema) => `select from ${schema}.logs where _block_num = 165 for update`,
    (s) => s.reorg(10),
  ],
  [
    "the removal of history",
    () => "select from ampsync_private.history where last_block > 160 for update",
    (s) => s.reorg(10),
  ],
  ["the counters of a removal", () => "select from ampsync_private.stream for update", (s) => s.reorg(10)],
  ["COPY", (schema) => `lock table ${schema}.logs in share mode`, (s) => s.mine(10)],
  ["commit_apply: the stream row", () => "select from ampsync_private.stream for update", (s) => s.mine(10)],
  ["commit_apply: history", () => "lock table ampsync_private.history in share mode", (s) => s.mine(10)],
  ["commit_apply: the lease row", () => "select from ampsync_private.lease for update", (s) => s.mine(10)],
];

describe("a terminated session (57P01)", () => {
  test.each(WAITS)(
    "of the writer, in %s: nothing is lost, and the stream goes on",
    async (_, lock, change) => {
      const source = chainOf(160);
      const sync = await following(source);
      source.mine(10);
      await sync.catchesUp();

      const blocker = await scenario.db.client();
      await blocker.query("begin");
      await blocker.query(lock(sync.schema));
      change(source);
      let pid = 0;
      await scenario.until("the writer to wait", async () => {
        const { rows } = await scenario.db.query(
          `select distinct a.pid from pg_stat_activity a join pg_locks l using (pid)
          where a.datname = current_database() and a.application_name = 'ampsync worker'
            and not l.granted and a.query like 'begin%'`,
        );
        pid = rows[0]?.["pid"] ?? 0;
        return rows.length === 1;
      });
      await scenario.db.query("select pg_terminate_backend($1)", [pid]);
      await scenario.until("it to be gone", async () => {
        const { rows } = await scenario.db.query("select from pg_stat_activity where pid = $1", [pid]);
        return rows.length === 0;
      });
      await blocker.query("rollback");
      await sync.catchesUp();
      await sync.expectBlocks("logs", LOGS_PER_BLOCK);
      expect(await sync.events("stream_error")).toBe(1);
    },
  );

  test("of all workers at once, in mid-backfill, again and again: nothing is lost, and the stream goes on", async () => {
    const source = chainOf(160);
    const sync = await following(source);
    scenario.misbehaviour.delayMs = 5; // Else all is here before the third time.
    source.mine(3000);
    for (let round = 0; round < 3; round++) {
      const { block } = (await sync.stream())!;
      await sync.until("a further commit", async (now) => {
        await scenario.hurry();
        return now.block > block;
      });
      await scenario.db.query(ALL_OF_OURS);
    }
    scenario.misbehaviour.delayMs = 0;
    await releases(sync);
    await sync.expectBlocks("logs", LOGS_PER_BLOCK);
    await sync.expectFreshLoad();
  });
});

// Stand-in: the database becomes read-only and all connections break, as when a client is sent to a standby.
test("failover to a node that is read-only for a while: nothing is lost, and the stream goes on without help", async () => {
  const source = chainOf(60);
  const sync = await following(source);
  const admin = await scenario.db.client();
  await admin.query(`alter database ${scenario.db.name} set default_transaction_read_only = on`);
  await admin.query(ALL_OF_OURS);
  source.mine(10);
  source.reorg(4);
  await scenario.until("25006 to be met", async () => scenario.worker.hasSaid("25006"));
  await admin.query("set default_transaction_read_only = off");
  await admin.query(`alter database ${scenario.db.name} reset default_transaction_read_only`);
  await admin.query(ALL_OF_OURS);
  await releases(sync);
  await sync.expectBlocks("logs", LOGS_PER_BLOCK);
});

// Stand-in: a trigger on the target that raises what PostgreSQL raises when it cannot extend a file.
test("a full disk stops the stream visibly, loses nothing, and ends once there is room", async () => {
  const source = chainOf(60);
  const sync = await following(source);
  await scenario.db.query(`
    create function ${sync.schema}.no_space() returns trigger language plpgsql as $$
    begin
      raise exception using errcode = '53100', message = 'could not extend file: No space left on device';
    end $$;
    create trigger no_space before insert on ${sync.schema}.logs execute function ${sync.schema}.no_space()`);
  source.mine(10);
  source.reorg(4);
  const { reason, retryIn } = await sync.until(
    "the stream to retry",
    ({ state, code }) => state === "retrying" && code === "53100",
  );
  expect(reason).toContain("No space left");
  expect(retryIn).not.toBeNull();
  await scenario.db.query(`drop trigger no_space on ${sync.schema}.logs`);
  await sync.catchesUp();
  await sync.expectBlocks("logs", LOGS_PER_BLOCK);
});
