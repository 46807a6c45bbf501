import { describe, expect, test } from "vitest";

import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { registerDataset, SqlStream, waitingJobs } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

async function enqueue(args: string) {
  const { rows } = await db.query(`select * from ampsync.enqueue_sync(${args})`);
  return rows;
}

async function stored() {
  const { rows } = await db.query(
    `select namespace, name, revision, tables, target_schema, retention_blocks
       from ampsync_private.dataset order by dataset_id`,
  );
  return rows;
}

describe("a reference", () => {
  test.each([
    ["chain", "_", "chain", null],
    ["eth/chain", "eth", "chain", null],
    ["0eth/chain_2", "0eth", "chain_2", null],
    ["chain@latest", "_", "chain", null],
    ["chain@dev", "_", "chain", "dev"],
    ["chain@1.2.0", "_", "chain", "1.2.0"],
    ["eth/chain@1.2.0-rc.1+b7", "eth", "chain", "1.2.0-rc.1+b7"],
    [`chain@${"0af9".repeat(16)}`, "_", "chain", "0af9".repeat(16)],
  ])("%s is namespace %s, name %s, revision %s", async (reference, namespace, name, revision) => {
    await enqueue(`'${reference}'`);
    expect(await stored()).toMatchObject([{ namespace, name, revision, target_schema: name }]);
  });

  test("is shown as it was written, without the default namespace and latest", async () => {
    expect(await enqueue("'_/chain@latest'")).toMatchObject([{ dataset: "chain" }]);
    expect(await enqueue("'eth/chain@1.2.0'")).toMatchObject([{ dataset: "eth/chain@1.2.0" }]);
  });

  test("without revision and with latest are one dataset, a fixed revision is another", async () => {
    await enqueue("'chain'");
    await enqueue("'chain@latest'");
    await enqueue("'chain@1.0.0', target_schema => 'chain_1'");
    expect(await stored()).toHaveLength(2);
  });
});

describe("refused, with a statement that shows the way, and nothing stored:", () => {
  const long = "n".repeat(64);
  const schema = "cannot be the target schema";
  test.each([
    ["no reference", "null", "SY004", "null is not a dataset reference"],
    ["an empty reference", "''", "SY004", "'' is not a dataset reference"],
    ["fetch_manifest, invalid name: upper case", "'Chain'", "SY004", "'Chain' is not a dataset reference"],
    ["a name that begins with a digit", "'1chain'", "SY004", "is not a dataset reference"],
    ["two slashes", "'a/b/chain'", "SY004", "is not a dataset reference"],
    [
      "fetch_manifest, invalid version: a revision of two numbers",
      "'chain@1.2'",
      "SY004",
      "is not a dataset reference",
    ],
    ["a hash of 63 digits", `'chain@${"a".repeat(63)}'`, "SY004", "is not a dataset reference"],
    ["a name of 64 bytes", `'${"a".repeat(64)}'`, "SY004", "is not a dataset reference"],
    ["a namespace of 10,000 bytes", `'${"a".repeat(10_000)}/chain'`, "SY004", "is not a dataset reference"],
    ["a schema that reads like public", "'chain', target_schema => 'PUBLIC '", "SY004", schema],
    ["a schema in capitals that is one of ours", "'chain', target_schema => 'Ampsync'", "SY004", schema],
    ["a schema with a line break", "'chain', target_schema => e'a\nb'", "SY004", schema],
    ["a line break", "e'chain\\n'", "SY004", "is not a dataset reference"],
    ["SQL", "'chain; drop schema ampsync'", "SY004", "is not a dataset reference"],
    ["no tables", "'chain', tables => '{}'", "SY004", "not a list of different tables"],
    ["a table twice", "'chain', tables => '{blocks,blocks}'", "SY004", "not a list of different tables"],
    [
      "1,001 tables",
      `'chain', tables => (select array_agg('t' || n) from generate_series(1, 1001) n)`,
      "SY004",
      "a list of 1001 tables is too long",
    ],
    ["a null table", "'chain', tables => '{null}'", "SY004", "not a list of different tables"],
    ["a table with a dot", "'chain', tables => '{a.b}'", "SY004", "'a.b' is not a table name"],
    ["a table with a quote", `'chain', tables => array['a"b']`, "SY004", "is not a table name"],
    [
      "a table of 64 bytes",
      `'chain', tables => '{${long}}'`,
      "SY004",
      `Identifier ${long} is too long: 64 bytes, limit 63`,
    ],
    [
      "the view of checkpoints",
      "'chain', tables => '{_ampsync_checkpoints}'",
      "SY004",
      "_ampsync_checkpoints is reserved",
    ],
    ["a target schema of 64 bytes", `'chain', target_schema => '${long}'`, "SY004", schema],
    [
      "a target schema of 64 bytes in 32 characters",
      `'chain', target_schema => '${"é".repeat(32)}'`,
      "SY004",
      schema,
    ],
    ["an empty target schema", "'chain', target_schema => ''", "SY004", schema],
    ["a dataset named like a system schema", "'pg_stat'", "SY004", schema],
    ["a dataset named public", "'public'", "SY004", schema],
    ["a dataset named like ours", "'ampsync_data'", "SY004", schema],
    ["a system schema", "'chain', target_schema => 'pg_catalog'", "SY004", schema],
    ["information_schema", "'chain', target_schema => 'information_schema'", "SY004", schema],
    ["our schema", "'chain', target_schema => 'ampsync_private'", "SY004", schema],
    ["the queue's schema", "'chain', target_schema => 'graphile_worker'", "SY004", schema],
    [
      "too little retention",
      "'chain', retention_blocks => 63",
      "SY004",
      "retention_blocks => 63 is below 64",
    ],
  ])("%s", async (_, args, code, message) => {
    const error = await refusal(db, `select ampsync.enqueue_sync(${args})`);
    expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
    expect(error.detail).toMatch(/./);
    expect(await stored()).toEqual([]);
    await db.query(error.hint!);
  });

  test("a target that another dataset feeds", async () => {
    await registerDataset(db, "other", ["blocks", "logs"]);
    const error = await refusal(
      db,
      "select ampsync.enqueue_sync('chain', tables => '{blocks}', target_schema => 'other')",
    );
    expect(error).toMatchObject({
      code: "SY003",
      message: "Target table other.blocks is already fed by other.blocks",
    });
    expect(error.detail).toMatch(/./);
    await db.query(error.hint!);
    expect((await stored()).map((row) => row["name"])).toEqual(["other", "my_dataset"]);
  });

  test("a table that the user made", async () => {
    await db.query("create schema chain; create table chain.blocks (n int)");
    const error = await refusal(db, "select ampsync.enqueue_sync('chain', tables => '{blocks}')");
    expect(error).toMatchObject({
      code: "SY003",
      message: "Target table chain.blocks exists and was not created by ampsync",
    });
    expect(error.detail).toMatch(/./);
    await db.query(error.hint!);
    expect(await enqueue("'chain', tables => '{blocks}'")).toHaveLength(1);
  });

  test.each(["enum ('a')", "(a int)"])("a type that the user made: %s", async (type) => {
    await db.query(`create schema chain; create type chain.blocks as ${type}`);
    const error = await refusal(db, "select ampsync.enqueue_sync('chain', tables => '{blocks}')");
    expect(error).toMatchObject({
      code: "SY003",
      message: "Type chain.blocks has the name of the target table",
    });
    await db.query(error.hint!);
    expect(await enqueue("'chain', tables => '{blocks}'")).toHaveLength(1);
  });

  test("another target schema later", async () => {
    await enqueue("'chain'");
    const error = await refusal(db, "select ampsync.enqueue_sync('chain', target_schema => 'elsewhere')");
    expect(error).toMatchObject({ code: "SY004", detail: "Given: elsewhere." });
    expect(error.message).toContain("is synced into schema chain");
    await db.query(error.hint!);
    expect(await stored()).toMatchObject([{ target_schema: "chain" }]);
  });

  test("leaving out tables that are synced", async () => {
    await registerDataset(db, "chain", ["blocks", "logs", "transactions"]);
    const error = await refusal(db, "select ampsync.enqueue_sync('chain', tables => '{blocks}')");
    expect(error).toMatchObject({
      code: "SY004",
      message: "synced tables of chain cannot be left out: logs, transactions",
    });
    await db.query(error.hint!);
    expect(await stored()).toMatchObject([{ tables: ["blocks", "logs", "transactions"] }]);
  });
});

describe("accepted where named explicitly:", () => {
  test.each([
    ["public", "'public', target_schema => 'public'", "public"],
    ["a dataset named like a system schema", "'pg_stat', target_schema => 'stat'", "stat"],
    ["63 bytes", `'${"n".repeat(63)}'`, "n".repeat(63)],
    ["mixed case", "'chain', target_schema => 'My Schema'", "My Schema"],
  ])("%s", async (_, args, target_schema) => {
    await enqueue(args);
    expect(await stored()).toMatchObject([{ target_schema }]);
  });
});

test("a call that is rolled back leaves no dataset and no job", async () => {
  await db.query("savepoint caller");
  await enqueue("'chain'");
  expect(await waitingJobs(db)).toHaveLength(2);
  await db.query("rollback to caller");
  expect(await stored()).toEqual([]);
  expect(await waitingJobs(db)).toEqual([]);
});

test("the same call again changes nothing and queues nothing more", async () => {
  const first = await enqueue("'chain', tables => '{blocks,logs}', retention_blocks => 200");
  const before = await stored();
  expect(await enqueue("'chain', tables => '{blocks,logs}', retention_blocks => 200")).toEqual(first);
  expect(await stored()).toEqual(before);
  expect(await waitingJobs(db, "ampsync_resolve%")).toHaveLength(1);
  expect(await waitingJobs(db, "ampsync_supervise")).toHaveLength(1);
});

test("an option given updates, one not given keeps its value", async () => {
  await enqueue("'chain', tables => '{blocks}', target_schema => 'eth', retention_blocks => 200");
  await enqueue("'chain', retention_blocks => 300");
  expect(await stored()).toMatchObject([{ tables: ["blocks"], target_schema: "eth", retention_blocks: 300 }]);
  await enqueue("'chain', tables => '{blocks,logs}'");
  expect(await stored()).toMatchObject([
    { tables: ["blocks", "logs"], target_schema: "eth", retention_blocks: 300 },
  ]);
});

test("an unresolved dataset is reported as waiting, table by table where they are named", async () => {
  expect(await enqueue("'chain'")).toMatchObject([{ dataset: "chain", table_name: null, state: "waiting" }]);
  expect(await enqueue("'chain', tables => '{logs,blocks}'")).toMatchObject([
    { table_name: "blocks", state: "waiting" },
    { table_name: "logs", state: "waiting" },
  ]);
});

test("a resolved dataset is not asked for again, unless a new table is wanted", async () => {
  await registerDataset(db, "chain", ["blocks"]);
  await db.query("select graphile_worker.remove_job(key) from graphile_worker.jobs where key is not null");
  await enqueue("'chain', tables => '{blocks}'");
  expect(await waitingJobs(db, "ampsync_resolve%")).toEqual([]);
  await enqueue("'chain', tables => '{blocks,logs}'");
  expect(await waitingJobs(db, "ampsync_resolve%")).toHaveLength(1);
});

test("a table that is wanted later, and was there from the beginning, becomes a stream", async () => {
  await enqueue("'chain', tables => '{blocks}'");
  const id = await registerDataset(db, "chain", ["blocks", "logs"]);
  await db.query("select graphile_worker.remove_job(key) from graphile_worker.jobs where key is not null");
  await enqueue("'chain', tables => '{blocks,logs}'");
  expect(await waitingJobs(db, `ampsync_resolve:${id}`)).toHaveLength(1);
});

test("the stream's own target is not foreign to it", async () => {
  await SqlStream.prepare(db);
  expect(await enqueue("'chain', tables => '{blocks}'")).toMatchObject([
    { table_name: "blocks", state: "waiting" },
  ]);
});

test("a table made by the user after the dataset was resolved is refused as well", async () => {
  await registerDataset(db, "chain", ["blocks"]);
  await db.query("create schema chain; create table chain.blocks (n int)");
  const error = await refusal(db, "select ampsync.enqueue_sync('chain', tables => '{blocks}')");
  expect(error).toMatchObject({ code: "SY003" });
});
