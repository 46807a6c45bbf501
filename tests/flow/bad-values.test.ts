// Takes 20 s.
import { describe, expect, test } from "vitest";

import { BadValueSource } from "../support/chain/bad-value-source.ts";
import { supervise } from "../support/postgres/queue.ts";
import { Scenario } from "../support/worker/scenario.ts";
import type { Sync } from "../support/worker/sync.ts";
import { SHORT_TURNS } from "../support/worker/worker-process.ts";

const LOGS_PER_BLOCK = 4;
const BAD = 57;

interface Started {
  readonly scenario: Scenario;
  readonly source: BadValueSource;
  readonly sync: Sync;
}

/** A chain of 40 blocks, followed by a worker; the table `notes` will hold a NUL in block 57. */
async function start(valuePolicy: string): Promise<Started> {
  const source = new BadValueSource(BigInt(BAD), { blocks: 40, logsPerBlock: LOGS_PER_BLOCK });
  const scenario = await Scenario.start({ source, maxBlocksPerMicrobatch: 10 });
  scenario.startFaultyWorker(SHORT_TURNS); // A repair waits for the turn of its table.
  const sync = await scenario.sync(["logs", "notes"], { nul_policy: "fail", value_policy: valuePolicy });
  await sync.reaches();
  return { scenario, source, sync };
}

async function failure(scenario: Scenario, sync: Sync) {
  await scenario.until("the table to stop", async () => (await sync.stream("notes"))?.state === "failed");
  const { rows } = await scenario.db.query("select * from ampsync.streams where table_name = 'notes'");
  return rows[0]!;
}

const rejects = async (scenario: Scenario) =>
  (await scenario.db.query("select * from ampsync.rejects order by block")).rows;

/** Blocks that are not in the table, of all up to the head. */
async function missing({ db }: Scenario, source: BadValueSource): Promise<number[]> {
  const { rows } = await db.query(
    `select n from generate_series(0, $1::int) n
      where (select count(*) from chain.notes t where t._block_num = n and t.note is not distinct from
               case when n = $2 and t.note is null then null else 'note ' || n end) <> 1`,
    [Number(source.chain.head()!.number), BAD],
  );
  return rows.map(({ n }) => n);
}

async function verified({ db }: Scenario): Promise<void> {
  expect((await db.query("select * from ampsync.verify('anvil')")).rows).toEqual([]);
}

describe("a bad value is reported, and handled by policy", () => {
  test("fail: stops its table, names row and column, is not read again; other tables go on", async () => {
    const { scenario, source, sync } = await start("fail");
    await using _ended = scenario;
    source.mine(25);
    const stopped = await failure(scenario, sync);
    expect(stopped).toMatchObject({ error_code: "SY203", next_retry: null });
    expect(stopped["reason"]).toMatch(/^Column note of table notes, row \d+ of the batch: /);
    expect(stopped["detail"]).toMatch(/in block 57$/);
    // Whole microbatches only, none of them the one with the bad value.
    const block = Number(stopped["block"]);
    expect(block).toBeLessThan(BAD);
    const { rows: held } = await scenario.db.query("select count(*)::int as n from chain.notes");
    expect(held[0]!["n"]).toBe(block + 1);

    const { reads } = source;
    source.mine(20);
    source.reorg(5);
    await sync.reaches({ tables: 1 }); // The other one.
    await sync.expectBlocks("logs", LOGS_PER_BLOCK);
    await supervise(scenario.db); // Nor does the supervisor wake it.
    source.mine(5);
    await sync.reaches({ tables: 1 });
    expect(source.reads).toBe(reads);

    await scenario.db.query(stopped["hint"]);
    await sync.reaches();
    expect(await rejects(scenario)).toMatchObject([{ table_name: "notes", block: `${BAD}` }]);
  });

  test("null: the value becomes NULL, all rows are there", async () => {
    const { scenario, source, sync } = await start("null");
    await using _ended = scenario;
    source.mine(25);
    await sync.reaches();
    expect(await missing(scenario, source)).toEqual([]);
    const { rows } = await scenario.db.query(
      "select nulled, rejected from ampsync.streams where table_name = 'notes'",
    );
    expect(rows).toEqual([{ nulled: { note: 1 }, rejected: "0" }]);
    expect(await scenario.events("value_error")).toBe(1);
    await verified(scenario);
  });

  test("quarantine: the row is kept aside, goes with a reorg, and comes again", async () => {
    const { scenario, source, sync } = await start("quarantine");
    await using _ended = scenario;
    source.mine(25);
    await sync.reaches();
    expect(await missing(scenario, source)).toEqual([BAD]);
    const [first, ...more] = await rejects(scenario);
    expect(more).toEqual([]);
    expect(first).toMatchObject({
      dataset: "anvil",
      table_name: "notes",
      block: `${BAD}`,
      column_name: "note",
      sqlstate: "SY203",
      row_values: { note: "a\ufffdb" },
    });
    expect(await scenario.events("row_quarantined")).toBe(1);
    await verified(scenario);

    source.reorg(15);
    await sync.reaches();
    const [again, ...others] = await rejects(scenario);
    expect(others).toEqual([]);
    expect(again).toMatchObject({ block: `${BAD}` });
    expect(again!["reject_id"]).not.toBe(first!["reject_id"]);
    expect(await missing(scenario, source)).toEqual([BAD]);
    await verified(scenario);
  });
});

describe("a row that PostgreSQL refuses is reported, and handled by policy", () => {
  const FORBIDDEN = 63;
  const forbid = ({ db }: Scenario) =>
    db.query(`alter table chain.notes add constraint wise check (note <> 'note ${FORBIDDEN}')`);

  test("fail: names row and code, and stops", async () => {
    const { scenario, source, sync } = await start("null"); // Which cannot help: no column is named.
    await using _ended = scenario;
    await forbid(scenario);
    source.mine(25);
    const stopped = await failure(scenario, sync);
    expect(stopped).toMatchObject({ error_code: "SY203", next_retry: null });
    expect(stopped["reason"]).toMatch(/^Table "chain"."notes", block 63, row 0 of it: .*"wise"/);
    expect(stopped["detail"]).toMatch(/^PostgreSQL said 23514/);
    const { reads } = source;
    await supervise(scenario.db);
    source.mine(5);
    await sync.reaches({ tables: 1 });
    expect(source.reads).toBe(reads);

    await scenario.db.query(stopped["hint"]);
    await sync.reaches();
    expect(await missing(scenario, source)).toEqual([FORBIDDEN]);
    await verified(scenario);
  });

  test("quarantine: by a constraint, and by a trigger that fires last", async () => {
    const { scenario, source, sync } = await start("quarantine");
    await using _ended = scenario;
    await forbid(scenario);
    await scenario.db.query(`
      create function chain.refuse() returns trigger language plpgsql as
        $$begin if new.note = 'note 64' then raise 'not this one' using errcode = '22023'; end if; return null; end$$;
      create constraint trigger late after insert on chain.notes deferrable initially deferred
        for each row execute function chain.refuse()`);
    source.mine(25);
    await sync.reaches();
    expect(await rejects(scenario)).toMatchObject([
      { block: "57", sqlstate: "SY203" },
      { block: "63", sqlstate: "23514", row_values: { note: "note 63" }, row_number: "0" },
      { block: "64", sqlstate: "22023", reason: "not this one", row_values: { note: "note 64" } },
    ]);
    expect(await missing(scenario, source)).toEqual([BAD, FORBIDDEN, FORBIDDEN + 1]);
    await verified(scenario);

    source.mine(170); // Until no reorg can replace them, so that they can be repaired without a hash.
    await sync.reaches();
    await scenario.db.query("select ampsync.repair('anvil', 'notes', 50, 63)");
    await scenario.until("the repair", async () => (await scenario.events("repaired")) === 1);
    expect((await rejects(scenario)).map((row) => row["block"])).toEqual(["57", "63", "64"]);
    await verified(scenario);
  });
});
