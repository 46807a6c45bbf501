import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { sharedScenario } from "../support/worker/shared-scenario.ts";

const scenario = sharedScenario({ maxBlocksPerMicrobatch: 10 });

/** Publishes a source; resolves to the schema part of its tables in the SQL of the server. */
async function publish(source: GeneratedSource): Promise<string> {
  const sync = await scenario.follow(source, ["blocks"]);
  return `"${sync.dataset}"`;
}

async function enqueue(dataset: string, queries: Readonly<Record<string, string>>): Promise<void> {
  await scenario.db.query("select ampsync.enqueue_sync($1, queries => $2)", [
    dataset,
    JSON.stringify(queries),
  ]);
}

/** States and checkpoints of the streams of a dataset, by table. */
async function streams(dataset: string) {
  const { rows } = await scenario.db.query(
    "select table_name, state, block::int, rows::int, detail from ampsync.streams where dataset = $1 order by 1",
    [dataset],
  );
  return rows;
}

async function untilLiveAt(dataset: string, source: GeneratedSource): Promise<void> {
  const head = Number(source.chain.head()!.number);
  await scenario.until(`${dataset} live at ${head}`, async () =>
    (await streams(dataset)).every(({ state, block }) => state === "live" && block === head),
  );
}

test("tables hold what queries give, through reorgs, and are live at the head; nobody publishes their dataset", async () => {
  const source = new GeneratedSource({ blocks: 40, logsPerBlock: 3 });
  const from = await publish(source);
  await enqueue("mart", {
    exact: `select log_index, _block_num, block_hash from ${from}.logs where _block_num >= 10 order by log_index -- all`,
    ranged: `SELECT "address" FROM ${from}."logs" LIMIT 5`,
  });
  await untilLiveAt("mart", source);
  source.reorg(4, 6);
  await untilLiveAt("mart", source);

  const { rows } = await scenario.db.query(
    `select count(*)::int as rows, min(_block_num)::int as first, max(_block_num)::int as last,
            (select count(*)::int from mart.ranged) as ranged
       from mart.exact`,
  );
  expect(rows).toEqual([{ rows: 3 * (42 - 10), first: 10, last: 41, ranged: 3 * 42 }]);
  const hashes = await scenario.db.query(
    "select distinct '0x' || encode(block_hash, 'hex') as hash from mart.exact where _block_num = 41",
  );
  expect(hashes.rows).toEqual([{ hash: source.chain.head()!.hash }]);
  expect((await scenario.db.query("select * from ampsync.verify('mart')")).rows).toEqual([]);
});

test("a query that the server refuses fails with its text, and its table is never live nor partly filled (N12)", async () => {
  const source = new GeneratedSource({ blocks: 20, logsPerBlock: 2 });
  const from = await publish(source);
  await enqueue("refused", { distinct_one: `select distinct address from ${from}.logs limit 3` });
  await scenario.until("the refusal", async () => (await streams("refused"))[0]?.["state"] === "failed");
  expect(await streams("refused")).toMatchObject([
    { block: null, rows: 0, detail: expect.stringContaining("Distinct") },
  ]);
  expect((await scenario.db.query("select from refused.distinct_one")).rowCount).toBe(0);
  const live = await scenario.db.query(
    "select from ampsync.events where dataset = 'refused' and event in ('live', 'reached_head')",
  );
  expect(live.rowCount).toBe(0);

  await enqueue("refused", { distinct_one: `select address from ${from}.logs` }); // Nothing is loaded: taken at once.
  await scenario.db.query("select ampsync.resume_sync('refused')");
  await untilLiveAt("refused", source);
  expect((await scenario.db.query("select from refused.distinct_one")).rowCount).toBe(40);
});

test("another query is taken by a resync, whose rows replace the old ones", async () => {
  const source = new GeneratedSource({ blocks: 20, logsPerBlock: 2 });
  const from = await publish(source);
  await enqueue("changing", { t: `select _block_num, address from ${from}.logs` });
  await untilLiveAt("changing", source);
  await enqueue("changing", {
    t: `select _block_num, address, log_index from ${from}.logs where _block_num >= 10`,
  });
  await scenario.db.query("select ampsync.resync('changing', 't')");
  await scenario.until("the swap", async () => {
    const found = await scenario.db.query(
      "select from ampsync.events where dataset = 'changing' and event = 'resynced'",
    );
    return found.rowCount === 1;
  });
  await untilLiveAt("changing", source);
  const { rows } = await scenario.db.query(
    "select count(log_index)::int as n, min(_block_num)::int as first from changing.t",
  );
  expect(rows).toEqual([{ n: 20, first: 10 }]);
});

test("a query without a column of its own is refused before a table is made", async () => {
  const from = await publish(new GeneratedSource({ blocks: 5 }));
  await enqueue("bare", { t: `select _block_num from ${from}.logs` });
  await scenario.until("the refusal", async () => (await streams("bare"))[0]?.["state"] === "failed");
  const { rows } = await scenario.db.query(
    "select error_code, reason, to_regclass('bare.t') as made from ampsync.streams where dataset = 'bare'",
  );
  expect(rows).toEqual([{ error_code: "SY202", reason: "Table t has no column to store", made: null }]);
});
