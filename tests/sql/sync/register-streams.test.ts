import { expect, test } from "vitest";

import { moveClock } from "../../support/postgres/clock.ts";
import { journaledEvents } from "../../support/postgres/journal.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { registerDataset, SqlStream, waitingJobs } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

async function register(id: string, tables: readonly string[], version = "1.0.0") {
  await db.query("select ampsync_worker.register_streams($1, $2, null, $3)", [id, version, tables]);
}

async function streams(): Promise<string[]> {
  const { rows } = await db.query("select target from ampsync.streams order by target");
  return rows.map((row) => row["target"]);
}

async function status(dataset = "chain") {
  const { rows } = await db.query("select * from ampsync.status where dataset = $1", [dataset]);
  return rows[0];
}

test("each table of the dataset becomes a stream with a lease and a job", async () => {
  await registerDataset(db, "chain", ["logs", "blocks"]);
  expect(await streams()).toEqual(["chain.blocks", "chain.logs"]);
  expect(await waitingJobs(db, "ampsync_stream:%")).toHaveLength(2);
  const { rows } = await db.query("select epoch, holder from ampsync_private.lease");
  expect(rows).toEqual([
    { epoch: "0", holder: null },
    { epoch: "0", holder: null },
  ]);
  expect(await status()).toMatchObject({ version: "1.0.0", state: "waiting", tables: "2" });
});

test("only wanted tables become streams", async () => {
  await db.query("select ampsync.enqueue_sync('chain', tables => '{logs}')");
  await registerDataset(db, "chain", ["blocks", "logs"]);
  expect(await streams()).toEqual(["chain.logs"]);
});

test("the same answer again changes nothing and tells nothing", async () => {
  const id = await registerDataset(db, "chain", ["blocks"]);
  const before = {
    status: await status(),
    events: await journaledEvents(db),
    jobs: await waitingJobs(db, "ampsync_stream:%"),
  };
  await register(id, ["blocks"]);
  const after = {
    status: await status(),
    events: await journaledEvents(db),
    jobs: await waitingJobs(db, "ampsync_stream:%"),
  };
  expect(after.status).toEqual(before.status);
  expect(after.events).toEqual(before.events);
  expect(after.jobs).toHaveLength(1);
});

test("a stream that is known keeps its state and its job's time", async () => {
  const stream = await SqlStream.prepare(db);
  await stream.endPass("ended");
  const before = await stream.view();
  const { rows } = await db.query("select dataset_id from ampsync_private.dataset");
  await register(rows[0]!["dataset_id"], ["blocks"]);
  expect(await stream.view()).toMatchObject({ state: "retrying", next_retry: before.next_retry });
});

test("a table that appears later becomes a stream beside the others", async () => {
  const id = await registerDataset(db, "chain", ["blocks"]);
  await register(id, ["blocks", "logs"]);
  expect(await streams()).toEqual(["chain.blocks", "chain.logs"]);
  expect(await status()).toMatchObject({ version: "1.0.0", tables: "2" });
});

test("a table that vanishes keeps its stream and its rows", async () => {
  const id = await registerDataset(db, "chain", ["blocks", "logs"]);
  await register(id, ["blocks"]);
  expect(await streams()).toEqual(["chain.blocks", "chain.logs"]);
});

test("once there are streams their version is looked up, not a newer one that would change below them", async () => {
  const lookUp =
    "select (ampsync_worker.begin_resolve(d.dataset_id)).revision from ampsync_private.dataset d";
  await db.query("select ampsync.enqueue_sync('chain', tables => '{blocks,traces}')");
  expect((await db.query(lookUp)).rows).toEqual([{ revision: null }]);
  const id = await registerDataset(db, "chain", ["logs"]);
  expect((await db.query(lookUp)).rows).toEqual([{ revision: null }]);
  await register(id, ["blocks", "logs"], "1.1.0");
  expect((await db.query(lookUp)).rows).toEqual([{ revision: "1.1.0" }]);
});

test("fetch_manifest, schema_mismatch: a wanted table that the dataset lacks is waited for, while the others go on", async () => {
  await db.query("select ampsync.enqueue_sync('chain', tables => '{blocks,traces}')");
  const id = await registerDataset(db, "chain", ["blocks", "logs"]);
  expect(await streams()).toEqual(["chain.blocks"]);
  expect(await status()).toMatchObject({
    state: "waiting",
    error_code: "SY103",
    waiting_on: "chain has no table traces",
    hint:
      "Version 1.0.0 stays in use for the other tables; it has: blocks, logs. " +
      "Retried automatically; at once by: select * from ampsync.resume_sync('chain');",
  });
  await register(id, ["blocks", "logs", "traces"]);
  expect(await streams()).toEqual(["chain.blocks", "chain.traces"]);
  expect(await status()).toMatchObject({ error_code: null, hint: expect.stringContaining("Start a worker") });
});

test("a missing table is asked for after 2, 4, 8, 16, 30, 30 s, and told of twice and every fifth time", async () => {
  await db.query("select ampsync.enqueue_sync('chain', tables => '{traces}')");
  const id = await registerDataset(db, "chain", ["blocks"]);
  const since = (await status())!["since"];
  for (const delay of [2, 4, 8, 16, 30, 30]) {
    const [job] = await waitingJobs(db, "ampsync_resolve:%");
    expect(job.due_in_s).toBeGreaterThan(delay * 0.8 - 0.1);
    expect(job.due_in_s).toBeLessThan(delay * 1.2);
    await moveClock(db, "40 s");
    await register(id, ["blocks"]);
  }
  expect((await status())!["since"]).toEqual(since);
  expect(await journaledEvents(db)).toEqual([
    "version_resolved",
    "waiting_for_dataset",
    "waiting_for_dataset",
    "still_waiting_for_dataset",
  ]);
});

test.each([
  ["is too long", "t".repeat(64), "Identifier"],
  ["is no identifier", "a b", "'a b' is not a table name"],
])(
  "validate_identifier: a table whose name %s is refused, and the others go on",
  async (_, table, message) => {
    await registerDataset(db, "chain", ["blocks", table]);
    expect(await streams()).toEqual(["chain.blocks"]);
    expect(await status()).toMatchObject({
      state: "failed",
      error_code: "SY004",
      waiting_on: expect.stringContaining(message),
    });
  },
);

test("the second owner of a target is refused with reason and hint, its other tables go on, and the first one's rows are untouched", async () => {
  const first = await SqlStream.prepare(db);
  await first.apply(0, 2);
  await db.query("select ampsync.enqueue_sync('other', target_schema => 'chain')");
  await registerDataset(db, "other", ["logs", "blocks"]);
  expect(await streams()).toEqual(["chain.blocks", "chain.logs"]);
  expect(await status("other")).toMatchObject({
    state: "failed",
    error_code: "SY003",
    waiting_on: "Target table chain.blocks is already fed by chain.blocks",
    hint: "Remove what is in the way, then: select ampsync.resume_sync('other'); -- Or continue without it: select ampsync.enqueue_sync('other', tables => '{logs}');",
  });
  expect(await first.rows()).toBe("a0 a1 a2");
  const { rows } = await db.query("select table_name, state from ampsync.enqueue_sync('other')");
  expect(rows).toEqual([
    { table_name: "blocks", state: "failed" },
    { table_name: "logs", state: "waiting" },
  ]);
});

test.each([
  ["one", "create table chain.blocks (a int)", ["blocks"], ["chain.logs"]],
  [
    "all",
    "create table chain.blocks (a int); create view chain.logs as select 1 as one",
    ["blocks", "logs"],
    [],
  ],
  ["a type", "create type chain.blocks as enum ('a')", ["blocks"], ["chain.logs"]],
])("targets whose names are taken: the hint makes room for them, %s", async (_, statement, taken, others) => {
  await db.query(`create schema chain; ${statement}`);
  const id = await registerDataset(db, "chain", ["blocks", "logs"]);
  expect(await streams()).toEqual(others);
  const { hint } = (await status())!;
  expect(hint).toMatch(new RegExp(`^(alter \\w+ chain\\.\\w+ rename to \\w+; ){${taken.length}}select `));
  expect(/ -- Or continue without it: /.test(hint)).toBe(others.length > 0);
  await db.query(hint);
  await register(id, ["blocks", "logs"]);
  expect(await streams()).toEqual(["chain.blocks", "chain.logs"]);
});

test("a name that no table can have leaves no statement to make room for it", async () => {
  await db.query("create schema chain; create table chain.blocks (a int)");
  await registerDataset(db, "chain", ["a b", "blocks"]);
  expect((await status())!["hint"]).toBe(
    "Remove what is in the way, then: select ampsync.resume_sync('chain');",
  );
});

test("a target that the user made is refused until it is out of the way", async () => {
  await db.query("create schema chain; create view chain.blocks as select 1 as one");
  const id = await registerDataset(db, "chain", ["blocks", "logs"]);
  expect(await streams()).toEqual(["chain.logs"]);
  expect(await status()).toMatchObject({
    state: "failed",
    waiting_on: "Target table chain.blocks exists and was not created by ampsync",
  });
  await db.query("drop view chain.blocks; select ampsync.resume_sync('chain')");
  expect(await waitingJobs(db, `ampsync_resolve:${id}`)).toHaveLength(1);
  await register(id, ["blocks", "logs"]);
  expect(await streams()).toEqual(["chain.blocks", "chain.logs"]);
  expect(await status()).toMatchObject({ state: "retrying", error_code: null });
});

test("a table that is called as our view of checkpoints is refused, the others go on", async () => {
  await registerDataset(db, "chain", ["_ampsync_checkpoints", "logs"]);
  expect(await streams()).toEqual(["chain.logs"]);
  expect(await status()).toMatchObject({
    state: "failed",
    error_code: "SY004",
    waiting_on: "Table name _ampsync_checkpoints is reserved",
  });
});

test("a table that is refused is gone without, once the others are named", async () => {
  await db.query("create schema chain; create view chain.blocks as select 1 as one");
  const id = await registerDataset(db, "chain", ["blocks", "logs"]);
  await db.query("select ampsync.enqueue_sync('chain', tables => '{logs}')");
  await register(id, ["blocks", "logs"]);
  expect(await status()).toMatchObject({ state: "waiting", error_code: null, tables: "1" });
});

test("tables of one name in two schemas, and names that differ in case only, are different targets", async () => {
  await registerDataset(db, "chain", ["blocks", "Blocks"]);
  await registerDataset(db, "eth/other", ["blocks"]);
  expect(await streams()).toEqual(expect.arrayContaining(['chain."Blocks"', "chain.blocks", "other.blocks"]));
});

test("a dataset that is gone is left alone", async () => {
  await register("4711", ["blocks"]);
  expect(await streams()).toEqual([]);
});
