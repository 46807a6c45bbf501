import { describe, expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { fingerprints, freshLoad } from "../support/generated.ts";
import { expectBlocks } from "../support/held-blocks.ts";
import { Scenario } from "../support/scenario.ts";

/** The lease clock was moved and the queue's was not: whatever backs off meanwhile is made due, as often as it does. */
async function catchesUp(scenario: Scenario, source: GeneratedSource): Promise<void> {
  const head = source.chain.head()!;
  await scenario.until(
    "the stream to catch up",
    async () => {
      await scenario.hurry();
      return (await scenario.stream("logs")).block === Number(head.number);
    },
    30_000,
  );
  await scenario.reaches("chain", 1, head, 20_000);
}

const LOGS_PER_BLOCK = 5;

async function following(source: GeneratedSource): Promise<Scenario> {
  const scenario = await Scenario.start({ source, maxBlocksPerMicrobatch: 20 });
  scenario.startWorker();
  await scenario.sync("anvil", "chain", ["logs"]);
  await scenario.reaches("chain", 1);
  return scenario;
}

function chainOf(blocks: number): GeneratedSource {
  return new GeneratedSource({ blocks, logsPerBlock: LOGS_PER_BLOCK });
}

const ALL_OF_OURS = `select pg_terminate_backend(a.pid) from pg_stat_activity a
   where a.datname = current_database() and a.pid <> pg_backend_pid()
     and (a.application_name like 'ampsync%' and a.application_name <> 'ampsync test' or a.application_name like 'graphile%')`;

/** Statements of the two procedures, each by the lock of somebody else that it waits for; with what brings it there. */
const WAITS: readonly [string, string, (source: GeneratedSource) => void][] = [
  ["the removal of rows", "select from chain.logs where _block_num = 165 for update", (s) => s.reorg(10)],
  [
    "the removal of history",
    "select from ampsync_private.history where last_block > 160 for update",
    (s) => s.reorg(10),
  ],
  ["the counters of a removal", "select from ampsync_private.stream for update", (s) => s.reorg(10)],
  ["COPY", "lock table chain.logs in share mode", (s) => s.mine(10)],
  ["commit_apply: the stream row", "select from ampsync_private.stream for update", (s) => s.mine(10)],
  ["commit_apply: history", "lock table ampsync_private.history in share mode", (s) => s.mine(10)],
  ["commit_apply: the lease row", "select from ampsync_private.lease for update", (s) => s.mine(10)],
];

describe("N48 57P01", () => {
  test.each(WAITS)("of the writing backend in %s: no loss, and it goes on", async (_, lock, change) => {
    const source = chainOf(160);
    await using scenario = await following(source);
    source.mine(10);
    await scenario.reaches("chain", 1);

    const blocker = await scenario.db.client();
    await blocker.query("begin");
    await blocker.query(lock);
    change(source);
    let pid = 0;
    await scenario.until("the writer to wait", async () => {
      const { rows } = await scenario.db.query(
        `select distinct a.pid from pg_stat_activity a join pg_locks l using (pid)
          where a.application_name = 'ampsync' and not l.granted and a.query like 'begin%'`,
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
    await scenario.reaches("chain", 1);
    await expectBlocks(scenario.db, "chain.logs", source, LOGS_PER_BLOCK);
    expect(await scenario.events("stream_error")).toBe(1);
  });

  test("of every backend at once, in mid-backfill, again and again: no loss, and it goes on", async () => {
    const source = chainOf(160);
    await using scenario = await following(source);
    source.mine(6000);
    for (let round = 0; round < 3; round++) {
      const { block } = await scenario.stream("logs");
      await scenario.until("a further commit", async () => {
        await scenario.hurry();
        return (await scenario.stream("logs")).block > block;
      });
      await scenario.db.query(ALL_OF_OURS);
    }
    await scenario.expireLeases(); // A release may have met a broken connection.
    await catchesUp(scenario, source);
    await expectBlocks(scenario.db, "chain.logs", source, LOGS_PER_BLOCK);
    expect(await fingerprints(scenario.db, "chain", ["logs"])).toEqual(await freshLoad(source, ["logs"]));
  }, 60_000);
});

// Stand-in: the database becomes read-only and all connections break, as when a client is sent to a standby.
test("N48 failover to a node that is read-only for a while: nothing is lost, and it goes on by itself", async () => {
  const source = chainOf(60);
  await using scenario = await following(source);
  const admin = await scenario.db.client();
  await admin.query(`alter database ${scenario.db.name} set default_transaction_read_only = on`);
  await admin.query(ALL_OF_OURS);
  source.mine(10);
  source.reorg(4);
  await scenario.until("25006 to be met", async () => {
    const { rows } = await scenario.db.query(
      "select xact_rollback > 0 as met from pg_stat_database where datname = current_database()",
    );
    return rows[0]!["met"];
  });
  await admin.query("set default_transaction_read_only = off");
  await admin.query(`alter database ${scenario.db.name} reset default_transaction_read_only`);
  await admin.query(ALL_OF_OURS);
  await scenario.expireLeases();
  await catchesUp(scenario, source);
  await expectBlocks(scenario.db, "chain.logs", source, LOGS_PER_BLOCK);
}, 60_000);

// Stand-in: a trigger on the target that raises what PostgreSQL raises when it cannot extend a file.
test("N48 a full disk stops the stream visibly, loses nothing, and it goes on once there is room", async () => {
  const source = chainOf(60);
  await using scenario = await following(source);
  await scenario.db.query(`
    create function chain.no_space() returns trigger language plpgsql as $$
    begin
      raise exception using errcode = '53100', message = 'could not extend file: No space left on device';
    end $$;
    create trigger no_space before insert on chain.logs execute function chain.no_space()`);
  source.mine(10);
  source.reorg(4);
  await scenario.until("the stream to retry", async () => {
    const { rows } = await scenario.db.query("select state, error_code from ampsync.streams");
    return rows[0]!["state"] === "retrying" && rows[0]!["error_code"] === "53100";
  });
  const { rows } = await scenario.db.query("select reason, next_retry from ampsync.streams");
  expect(rows[0]).toMatchObject({
    reason: expect.stringContaining("No space left"),
    next_retry: expect.any(Date),
  });
  await scenario.db.query("drop trigger no_space on chain.logs");
  await scenario.reaches("chain", 1);
  await expectBlocks(scenario.db, "chain.logs", source, LOGS_PER_BLOCK);
});
