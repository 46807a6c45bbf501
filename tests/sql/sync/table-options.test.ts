import { describe, expect, test } from "vitest";

import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { COLUMNS, registerDataset, SqlStream, waitingJobs } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

async function enqueue(args: string) {
  return (await db.query(`select * from ampsync.enqueue_sync('chain', ${args})`)).rows;
}

/** Stores what the dataset resolved to. */
async function resolve(tables: readonly string[], dataset = "chain"): Promise<void> {
  await db.query(
    `select ampsync_worker.register_streams(d.dataset_id, '1.0.0', null, $2)
       from ampsync_private.dataset d where d.label = $1`,
    [dataset, tables],
  );
}

async function targets() {
  const { rows } = await db.query("select table_name, target from ampsync.streams order by stream_id");
  return rows.map(({ table_name, target }) => `${table_name} ${target}`);
}

async function stored() {
  const { rows } = await db.query(
    "select rename, exclude_columns, not_null from ampsync_private.dataset where name = 'chain'",
  );
  return rows[0];
}

/** The stream of a registered table. */
async function streamOf(table: string): Promise<SqlStream> {
  const { rows } = await db.query("select stream_id, target from ampsync.streams where table_name = $1", [
    table,
  ]);
  return new SqlStream(db, rows[0]!["stream_id"], rows[0]!["target"], true, "0");
}

async function created(table: string): Promise<SqlStream> {
  const stream = await streamOf(table);
  await stream.acquire();
  await stream.prepareTarget();
  return stream;
}

describe("rename", () => {
  test("gives the target of a table another name, and leaves the others alone", async () => {
    await enqueue(`rename => '{"logs": "Events"}'`);
    await resolve(["blocks", "logs"]);
    expect(await targets()).toEqual(["blocks chain.blocks", 'logs chain."Events"']);
    const stream = await created("logs");
    await stream.apply(0, 4);
    const { rows } = await db.query('select count(*)::int as n from chain."Events"');
    expect(rows).toEqual([{ n: 5 }]);
  });

  test("the same call again, or one without it, changes nothing; another table is added to it", async () => {
    await enqueue(`rename => '{"logs": "events"}'`);
    await resolve(["blocks", "logs"]);
    await created("logs");
    await enqueue(`rename => '{"logs": "events"}'`);
    await enqueue("retention_blocks => 200");
    await enqueue(`rename => '{"blocks": "all_blocks"}'`);
    expect(await stored()).toMatchObject({ rename: { logs: "events", blocks: "all_blocks" } });
    expect(await targets()).toEqual(["blocks chain.all_blocks", "logs chain.events"]);
  });

  test("moves a table out of the way of one that the user made, once its name is known to be taken", async () => {
    await db.query("create schema chain; create table chain.logs (mine int)");
    await enqueue("tables => null");
    await resolve(["blocks", "logs"]);
    await enqueue(`rename => '{"logs": "events"}'`);
    await db.query("select ampsync.resume_sync('chain')");
    await resolve(["blocks", "logs"]);
    expect(await targets()).toContain("logs chain.events");
    expect((await db.query("select from ampsync.status where state = 'failed'")).rowCount).toBe(0);
  });

  test("is refused for a table that was created; the hint renames it, and is followed", async () => {
    await registerDataset(db, "chain", ["blocks"]);
    const stream = await created("blocks");
    const change = `select ampsync.enqueue_sync('chain', rename => '{"blocks": "b"}')`;
    const error = await refusal(db, change);
    expect(error).toMatchObject({
      code: "SY004",
      message: "table blocks of chain is created already, as chain.blocks",
    });
    await db.query(error.hint!);
    await db.query("select ampsync.pause_sync('chain'); select ampsync.resume_sync('chain')");
    await stream.acquire();
    expect(await targets()).toEqual(["blocks chain.b"]);
    await db.query(change);
  });

  test("ends the pass of a table that is not created yet, so that it is created under the new name", async () => {
    await registerDataset(db, "chain", ["blocks"]);
    const stream = await streamOf("blocks");
    await stream.acquire();
    await enqueue(`rename => '{"blocks": "b"}'`);
    expect(await refusal(db, () => stream.prepareTarget())).toMatchObject({ code: "SY001" });
    expect(await waitingJobs(db, "ampsync_stream:%")).toHaveLength(1);
    await stream.acquire();
    await stream.prepareTarget();
    expect((await db.query("select to_regclass('chain.b')::text as b")).rows).toEqual([{ b: "chain.b" }]);
  });

  test("of two tables to one name, or to the name of another table, the second is refused by name", async () => {
    await enqueue(`rename => '{"logs": "blocks"}'`);
    await resolve(["blocks", "logs"]);
    expect(await targets()).toEqual(["blocks chain.blocks"]);
    const { rows } = await db.query("select state, waiting_on from ampsync.status");
    expect(rows).toEqual([
      { state: "failed", waiting_on: "Target table chain.blocks is already fed by chain.blocks" },
    ]);
  });

  test("to the target of another dataset is refused, and that one keeps its rows", async () => {
    await registerDataset(db, "other", ["blocks"]);
    const first = await created("blocks");
    await first.apply(0, 4);
    expect(
      await refusal(
        db,
        `select ampsync.enqueue_sync('chain', '{logs}', target_schema => 'other', rename => '{"logs": "blocks"}')`,
      ),
    ).toMatchObject({ code: "SY003", message: "Target table other.blocks is already fed by other.blocks" });
    await enqueue(`target_schema => 'other', rename => '{"logs": "blocks"}'`); // Its tables are not known yet.
    await resolve(["logs"]);
    expect(await targets()).toEqual(["blocks other.blocks"]);
    expect((await first.rows()).split(" ")).toHaveLength(5);
  });

  test("two fixed versions live in one schema under different names, also such that differ in case alone", async () => {
    const versions = [
      ["1.0.0", "Blocks"],
      ["2.0.0", "blocks"],
    ];
    for (const [version, name] of versions) {
      await db.query("select ampsync.enqueue_sync($1, target_schema => 's', rename => $2)", [
        `chain@${version}`,
        { blocks: name },
      ]);
      await resolve(["blocks"], `chain@${version}`);
    }
    expect(await targets()).toEqual(['blocks s."Blocks"', "blocks s.blocks"]);
  });

  test("a name of 63 bytes is taken, one of 64 is not, and nothing is truncated", async () => {
    const name = "é".repeat(31);
    await enqueue(`rename => '{"logs": "${"n".repeat(63)}", "blocks": "${"n".repeat(62)}x"}'`);
    await resolve(["blocks", "logs"]);
    expect(await targets()).toEqual([`blocks chain.${"n".repeat(62)}x`, `logs chain.${"n".repeat(63)}`]);
    expect(
      await refusal(db, `select ampsync.enqueue_sync('chain', rename => '{"t": "${"n".repeat(64)}"}')`),
    ).toMatchObject({
      code: "SY004",
      message: `Identifier ${"n".repeat(64)} is too long: 64 bytes, limit 63`,
    });
    expect(
      await refusal(db, `select ampsync.enqueue_sync('chain', rename => '{"t": "${name}"}')`),
    ).toMatchObject({ code: "SY004", message: `'${name}' is not a table name` });
  });
});

describe("exclude_columns", () => {
  test("is told to each pass", async () => {
    await enqueue(`exclude_columns => '{"blocks": ["data", "Ünï''s"]}'`);
    await resolve(["blocks", "logs"]);
    expect(await (await streamOf("blocks")).acquire()).toMatchObject({ excluded: ["data", "Ünï's"] });
    expect(await (await streamOf("logs")).acquire()).toMatchObject({ excluded: [] });
  });

  test("may change until the table is created, and ends the pass that planned it the other way", async () => {
    await registerDataset(db, "chain", ["blocks"]);
    const stream = await streamOf("blocks");
    await stream.acquire();
    await enqueue(`exclude_columns => '{"blocks": ["data"]}'`);
    expect(await refusal(db, () => stream.prepareTarget())).toMatchObject({ code: "SY001" });
    await stream.acquire();
    await stream.prepareTarget();
    await enqueue(`exclude_columns => '{"blocks": ["data"]}'`); // Once more: no change, the lease stays.
    await stream.apply(0, 4);
  });

  test("is refused for a column that a table has; the hint drops the column, and the rows stay", async () => {
    await registerDataset(db, "chain", ["blocks", "logs"]);
    const stream = await created("blocks");
    await stream.apply(0, 4);
    const error = await refusal(
      db,
      `select ampsync.enqueue_sync('chain', exclude_columns => '{"blocks": ["note", "other"]}')`,
    );
    expect(error).toMatchObject({
      code: "SY004",
      message: "table blocks of chain is created already, with what exclude_columns would leave out: note",
      detail: 'Excluded are: []. Given: ["note", "other"].',
    });
    await db.query(error.hint!);
    expect(await refusal(db, () => stream.beginApply())).toMatchObject({ code: "SY001" });
    expect(await stream.acquire()).toMatchObject({ excluded: ["note", "other"] });
    expect(await stream.prepareTarget(COLUMNS.slice(0, 1))).toEqual(["block_hash"]);
    await stream.apply(5, 9);
    expect((await stream.rows()).split(" ")).toHaveLength(10);
  });

  test("may name a column that a table does not have, and no longer name it: then it is added", async () => {
    const stream = await SqlStream.prepare(db);
    await enqueue(`exclude_columns => '{"blocks": ["odd"]}'`);
    expect(await waitingJobs(db, "ampsync_stream:%")).toHaveLength(1);
    expect(await stream.acquire()).toMatchObject({ excluded: ["odd"] });
    await enqueue(`exclude_columns => '{"blocks": null}'`);
    expect(await stream.acquire()).toMatchObject({ excluded: [] });
    const odd = { name: "odd", type: "text", not_null: false };
    expect(await stream.prepareTarget([odd, ...COLUMNS])).toEqual(["block_hash", "note", "odd"]);
  });
});

describe("a table that only these options name", () => {
  test("is waited for, until the option is taken back as the hint says", async () => {
    await enqueue(`rename => '{"log": "events"}', exclude_columns => '{"blocks": ["data"]}'`);
    await resolve(["blocks", "logs"]);
    const { rows } = await db.query("select state, waiting_on, hint from ampsync.status");
    expect(rows).toMatchObject([{ waiting_on: "chain has no table log" }]);
    const { hint } = (await db.query("select error ->> 'hint' as hint from ampsync_private.dataset"))
      .rows[0]!;
    await db.query(/select [^;]*;/.exec(hint)![0]);
    await resolve(["blocks", "logs"]);
    expect(await stored()).toMatchObject({ rename: {}, exclude_columns: { blocks: ["data"] } });
    expect((await db.query("select state from ampsync_private.dataset")).rows).toEqual([{ state: "active" }]);
  });

  test("is refused where the tables are listed without it", async () => {
    const error = await refusal(
      db,
      `select ampsync.enqueue_sync('chain', '{blocks}', rename => '{"logs": "events"}')`,
    );
    expect(error).toMatchObject({
      code: "SY004",
      message: "table logs is not among the tables of chain that are synced",
    });
    await db.query(error.hint!);
  });
});

describe("not_null => false", () => {
  async function notNull() {
    const { rows } = await db.query(
      `select attname from pg_attribute
        where attrelid = 'chain.blocks'::regclass and attnum > 0 and attnotnull and attname !~ '^_'`,
    );
    return rows.map((row) => row["attname"]);
  }

  test("no column of the dataset is NOT NULL, those of ours are", async () => {
    await enqueue("not_null => false");
    await resolve(["blocks"]);
    const stream = await created("blocks");
    expect(await notNull()).toEqual([]);
    await stream.apply(0, 4);
  });

  test("given later it takes effect with the next pass, and is not taken back from the table", async () => {
    await registerDataset(db, "chain", ["blocks"]);
    const stream = await created("blocks");
    expect(await notNull()).toEqual(["block_hash"]);
    await enqueue("not_null => false");
    await stream.prepareTarget();
    expect(await notNull()).toEqual([]);
    await enqueue("not_null => true");
    await stream.prepareTarget();
    expect(await notNull()).toEqual([]);
  });
});

describe("refused, with a statement that shows the way, and nothing stored:", () => {
  test.each([
    [`rename => '[]'`, "rename => '[]' does not give tables names"],
    [`rename => '{"logs": 1}'`, `rename => '{"logs": 1}' does not give tables names`],
    [`rename => 'null'`, "rename => 'null' does not give tables names"],
    [`rename => '{"a-b": "c"}'`, "'a-b' is not a table name"],
    [`rename => '{"logs": ""}'`, "'' is not a table name"],
    [`rename => '{"logs": "_ampsync_checkpoints"}'`, "Table name _ampsync_checkpoints is reserved"],
    [`rename => '{"a": "c", "b": "c"}'`, "rename gives 2 tables the name c"],
    [`exclude_columns => '["data"]'`, `exclude_columns => '["data"]' does not list columns of tables`],
    [`exclude_columns => '{"a-b": []}'`, "'a-b' is not a table name"],
    [
      `exclude_columns => '{"logs": "data"}'`,
      `exclude_columns: "data" is not a list of different columns of logs`,
    ],
    [`exclude_columns => '{"logs": [1]}'`, "exclude_columns: [1] is not a list of different columns of logs"],
    [
      `exclude_columns => '{"logs": ["a", "a"]}'`,
      `exclude_columns: ["a", "a"] is not a list of different columns of logs`,
    ],
    [
      `exclude_columns => '{"logs": ["_block_num"]}'`,
      `exclude_columns: ["_block_num"] is not a list of different columns of logs`,
    ],
  ])("%s", async (args, message) => {
    const error = await refusal(db, `select ampsync.enqueue_sync('chain', ${args})`);
    expect(error).toMatchObject({ code: "SY004", message });
    expect(await stored()).toBeUndefined();
    await db.query(error.hint!);
  });
});
