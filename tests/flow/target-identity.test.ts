import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { findings } from "../support/chain/linked-chain.ts";
import { fingerprints } from "../support/postgres/tables.ts";
import { sharedScenario } from "../support/worker/shared-scenario.ts";
import type { Sync } from "../support/worker/sync.ts";

const BLOCKS = 30;

const scenario = sharedScenario();

async function live(): Promise<{ source: GeneratedSource; sync: Sync; target: string }> {
  const source = new GeneratedSource({ blocks: BLOCKS });
  const sync = await scenario.follow(source, ["blocks"]);
  await sync.catchesUp();
  return { source, sync, target: `${sync.schema}.blocks` };
}

/** Waits until the stream says that it stopped, and runs what it says. */
async function runHint(sync: Sync, code = "SY201"): Promise<string> {
  const { hint } = await sync.until(
    `it to stop with ${code}`,
    ({ state, code: seen }) => state === "failed" && seen === code,
  );
  await scenario.db.query(hint!);
  return hint!;
}

/** It follows its chain in the table of this schema, which is right. */
async function follows(sync: Sync, source: GeneratedSource, schema = sync.schema): Promise<void> {
  source.mine(2);
  const head = source.chain.head()!;
  await scenario.until(`block ${head.number} in ${schema}`, async () => {
    await scenario.hurry();
    const { rows } = await scenario.db.query(
      "select from ampsync.checkpoints where target_schema = $1 and watermark_block_hash = $2",
      [schema, Buffer.from(head.hash.slice(2), "hex")],
    );
    return rows.length === 1;
  });
  expect(await findings(scenario.db, null, sync.dataset)).toEqual([]);
}

test("a table that was swapped by name: after a reorg no table has both forks, and the hint brings it back", async () => {
  const { source, sync, target } = await live();
  await scenario.db.query(
    `begin; alter table ${target} rename to blocks_old; create table ${target} (like ${target}_old including all);
     insert into ${target} select * from ${target}_old; commit`,
  );
  const before = await fingerprints(scenario.db, sync.schema, ["blocks", "blocks_old"]);
  source.reorg(5, 8);
  const hint = await runHint(sync);
  expect(hint).toMatch(/alter table .* rename to blocks_1; alter table .*blocks_old rename to blocks;/);
  await follows(sync, source);
  await sync.expectSourceRows();
  const { rows } = await scenario.db.query(
    `select count(*) - count(distinct _block_num) as twice from ${target} union all select count(*) - ${BLOCKS} from ${target}_1`,
  );
  expect(rows).toEqual([{ twice: "0" }, { twice: "0" }]); // And the other one is as its owner made it.
  expect(new Set(before.map((print) => print.split(" ").slice(1).join(" "))).size).toBe(1);
  expect((await fingerprints(scenario.db, sync.schema, ["blocks_1"]))[0]!.split(" ").slice(1)).toEqual(
    before[0]!.split(" ").slice(1),
  );
});

test("a table and a schema that are renamed in mid-stream are followed", async () => {
  const { source, sync, target } = await live();
  await scenario.db.query(`alter table ${target} rename to b`);
  await follows(sync, source);
  expect(
    (await scenario.db.query("select from ampsync.streams where target = $1", [`${sync.schema}.b`])).rowCount,
  ).toBe(1);

  await scenario.db.query(`alter schema ${sync.schema} rename to ${sync.schema}_new`);
  await follows(sync, source, `${sync.schema}_new`);
  source.reorg(3, 4);
  await follows(sync, source, `${sync.schema}_new`);
  expect(await sync.events("target_renamed")).toBe(2);
  const { rows } = await scenario.db.query(`select count(*)::int as n from ${sync.schema}_new.b`);
  expect(rows).toEqual([{ n: Number(source.chain.head()!.number) + 1 }]);
});

test("a table that was dropped is made again, and a truncated one filled, by the hint", async () => {
  const { source, sync, target } = await live();
  await scenario.db.query(`drop table ${target}`);
  source.mine(1);
  expect(await runHint(sync)).toBe(`select ampsync.resync('${sync.label}', 'blocks');`);
  await follows(sync, source);
  await sync.expectSourceRows();

  await scenario.db.query(`truncate ${target}`);
  source.mine(1);
  expect(await runHint(sync)).toBe(`select ampsync.resync('${sync.label}', 'blocks');`);
  await follows(sync, source);
  await sync.expectSourceRows();
});

test("a foreign key without CASCADE stops the next reorg, and the hint lets its rows go along", async () => {
  const { source, sync, target } = await live();
  await scenario.db.query(
    `create table ${sync.schema}.notes (block bytea references ${target} (_id)); insert into ${sync.schema}.notes select _id from ${target}`,
  );
  source.reorg(5, 8);
  expect(await runHint(sync, "23503")).toContain("ON DELETE CASCADE");
  await follows(sync, source);
  await sync.expectSourceRows();
  const { rows } = await scenario.db.query(`select count(*)::int as n from ${sync.schema}.notes`);
  expect(rows).toEqual([{ n: BLOCKS - 5 }]);
});
