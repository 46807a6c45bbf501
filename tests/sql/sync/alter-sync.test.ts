import { expect, test } from "vitest";

import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { COLUMNS, registerDataset, SqlStream, waitingJobs } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

async function alter(args: string) {
  return (await db.query(`select * from ampsync.alter_sync(${args})`)).rows;
}

async function stored() {
  const { rows } = await db.query(
    `select tables, target_schema, retention_blocks, on_deep_reorg, value_policy, nul_policy, not_null
       from ampsync_private.dataset`,
  );
  return rows;
}

const DEFAULTS = {
  tables: null,
  target_schema: "chain",
  retention_blocks: 128,
  on_deep_reorg: "stop",
  value_policy: "fail",
  nul_policy: "replace",
  not_null: true,
};

test.each([
  ["retention_blocks => 500", { retention_blocks: 500 }],
  ["on_deep_reorg => 'resync'", { on_deep_reorg: "resync" }],
  ["value_policy => 'quarantine'", { value_policy: "quarantine" }],
  ["nul_policy => 'strip'", { nul_policy: "strip" }],
  ["not_null => false", { not_null: false }],
  ["tables => '{blocks,logs}'", { tables: ["blocks", "logs"] }],
])("%s is changed, the others are kept, and the checkpoint too", async (args, changed) => {
  const stream = await SqlStream.prepare(db);
  await stream.apply(0, 9);
  expect(await alter(`'chain', ${args}`)).toContainEqual(
    expect.objectContaining({ dataset: "chain", table_name: "blocks", state: "backfill" }),
  );
  await alter(`'chain', ${args}`);
  expect(await stored()).toEqual([{ ...DEFAULTS, ...changed }]);
  await stream.apply(10, 19);
  expect(await stream.view()).toMatchObject({ block: "19" });
});

test("a table that is added is looked up", async () => {
  await SqlStream.prepare(db);
  await db.query("select graphile_worker.remove_job(key) from graphile_worker.jobs where key is not null");
  await alter("'chain', tables => '{blocks,logs}'");
  expect(await waitingJobs(db, "ampsync_resolve:%")).toHaveLength(1);
});

test("a dataset that is not synced is refused, and not begun", async () => {
  const error = await refusal(db, "select ampsync.alter_sync('chain', retention_blocks => 500)");
  expect(error).toMatchObject({ code: "SY003", message: "chain is not synced" });
  await db.query(error.hint!);
  expect(await stored()).toEqual([]);
});

test("the only version of a dataset need not be named", async () => {
  await registerDataset(db, "chain@1.0.0", ["blocks"]);
  expect(await alter("'chain', retention_blocks => 500")).toMatchObject([{ dataset: "chain@1.0.0" }]);
  expect(await stored()).toMatchObject([{ retention_blocks: 500 }]);
});

test.each([
  ["target_schema => 'other'", "chain is synced into schema chain; its target_schema cannot be changed"],
  [`rename => '{"blocks": "b"}'`, "table blocks of chain is created already, as chain.blocks"],
  [
    `exclude_columns => '{"blocks": ["note"]}'`,
    "table blocks of chain is created already, with what exclude_columns would leave out: note",
  ],
  ["tables => '{logs}'", "synced tables of chain cannot be left out: blocks"],
  ["retention_blocks => 1", "retention_blocks => 1 is below 64"],
])("%s is refused with a hint, and nothing changes", async (args, message) => {
  const stream = await SqlStream.prepare(db);
  const error = await refusal(db, `select ampsync.alter_sync('chain', ${args})`);
  expect(error).toMatchObject({ code: "SY004", message, hint: expect.stringMatching(/;$/) });
  expect(await stored()).toEqual([DEFAULTS]);
  await stream.prepareTarget(COLUMNS); // Its lease is still held.
});
