import { describe, expect, test } from "vitest";

import { moveClock } from "../../support/postgres/clock.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { COLUMNS, registerDataset, SqlStream, type TargetColumn } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

async function columnsOf(table: string): Promise<string[]> {
  const { rows } = await db.query(
    `select concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), case when a.attnotnull then 'not null' end) as text
       from pg_attribute a where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum`,
    [table],
  );
  return rows.map((row) => row["text"]);
}

async function keyOf(table: string): Promise<string> {
  const { rows } = await db.query(
    "select pg_get_constraintdef(oid) as key from pg_constraint where conrelid = $1::regclass and contype = 'p'",
    [table],
  );
  return rows[0]!["key"];
}

describe("the target that is made", () => {
  test("has its system columns first, then those of the plan in their order, and _id as its key (create_new_table)", async () => {
    await SqlStream.prepare(db);
    expect(await columnsOf("chain.blocks")).toEqual([
      "_id bytea not null",
      "_block_num_start bigint not null",
      "_block_num_end bigint not null",
      "_block_num bigint not null",
      "block_hash bytea not null",
      "note text",
    ]);
    expect(await keyOf("chain.blocks")).toBe("PRIMARY KEY (_id)");
  });

  test("has no _block_num where the server offers none (create_table, ddl_always_includes_id_primary_key)", async () => {
    await SqlStream.prepare(db, {
      hasBlockNum: false,
      columns: [
        { name: "id", type: "bigint", not_null: true },
        { name: "name", type: "text", not_null: false },
        { name: "block_num", type: "numeric(20,0)", not_null: true },
      ],
    });
    expect(await columnsOf("chain.blocks")).toEqual([
      "_id bytea not null",
      "_block_num_start bigint not null",
      "_block_num_end bigint not null",
      "id bigint not null",
      "name text",
      "block_num numeric(20,0) not null",
    ]);
    expect(await keyOf("chain.blocks")).toBe("PRIMARY KEY (_id)");
  });

  test("is looked after by autovacuum early and never cut while readers wait", async () => {
    await SqlStream.prepare(db);
    const { rows } = await db.query("select reloptions from pg_class where oid = 'chain.blocks'::regclass");
    expect(rows[0]!["reloptions"]).toEqual([
      "autovacuum_vacuum_scale_factor=0.01",
      "autovacuum_vacuum_insert_scale_factor=0.02",
      "autovacuum_analyze_scale_factor=0.02",
      "vacuum_truncate=off",
    ]);
  });

  test("keeps long bytea and text as lz4 where this server has it, else uncompressed", async () => {
    const { rows: servers } = await db.query(
      "select 'lz4' = any (enumvals) as lz4 from pg_settings where name = 'default_toast_compression'",
    );
    await SqlStream.prepare(db, {
      columns: [...COLUMNS, { name: "n", type: "numeric(20,0)", not_null: false }],
    });
    const { rows } = await db.query(
      `select attname, attstorage, attcompression from pg_attribute
        where attrelid = 'chain.blocks'::regclass and attnum > 4 order by attnum`,
    );
    const [attstorage, attcompression] = servers[0]!["lz4"] ? ["x", "l"] : ["e", ""];
    expect(rows).toEqual([
      { attname: "block_hash", attstorage, attcompression },
      { attname: "note", attstorage, attcompression },
      { attname: "n", attstorage: "m", attcompression: "" },
    ]);
  });

  test.each([
    ["{pglz,lz4}", "set compression lz4"],
    ["{pglz}", "set storage external"],
  ])("on a server with %s: %s", async (methods, clause) => {
    const { rows } = await db.query("select ampsync_private.long_values($1) as clause", [methods]);
    expect(rows).toEqual([{ clause }]);
  });

  test("may have no bytea and no text", async () => {
    await SqlStream.prepare(db, { columns: [{ name: "n", type: "bigint", not_null: false }] });
    expect(await columnsOf("chain.blocks")).toContain("n bigint");
  });

  test("comes with its schema and, beside it, nothing but the view of checkpoints", async () => {
    await SqlStream.prepare(db);
    const { rows } = await db.query(
      "select relname, relkind from pg_class where relnamespace = 'chain'::regnamespace and relkind <> 'i' order by 1",
    );
    expect(rows).toEqual([
      { relname: "_ampsync_checkpoints", relkind: "v" },
      { relname: "blocks", relkind: "r" },
    ]);
  });

  test("goes into a schema that is there already", async () => {
    await db.query("create schema chain; create table chain.mine (n int)");
    await SqlStream.prepare(db);
    expect(await columnsOf("chain.blocks")).toHaveLength(6);
  });

  test("keeps names of mixed case and names that need quotes", async () => {
    await db.query("select ampsync.enqueue_sync('chain', target_schema => 'My Schema')");
    const columns: TargetColumn[] = [
      { name: "block_hash", type: "bytea", not_null: true },
      { name: 'From "x"', type: "text", not_null: false },
      { name: "select", type: "numeric(20,0)", not_null: false },
    ];
    const stream = await SqlStream.prepare(db, { table: "Blocks$1", columns });
    expect(await columnsOf('"My Schema"."Blocks$1"')).toEqual(
      expect.arrayContaining(['From "x" text', "select numeric(20,0)"]),
    );
    await stream.apply(0, 2);
    await stream.prepareTarget(columns);
    const { rows } = await db.query('select watermark_block_num from "My Schema"._ampsync_checkpoints');
    expect(rows).toEqual([{ watermark_block_num: "2" }]);
  });

  test("may have a name of 63 bytes, beside one that differs in the last", async () => {
    const names = ["a", "b"].map((last) => "t".repeat(62) + last);
    await registerDataset(db, "chain", names);
    for (const table of names) {
      await SqlStream.prepare(db, { table });
      expect(await columnsOf(`chain.${table}`)).toHaveLength(6);
    }
  });

  test("is journaled", async () => {
    await SqlStream.prepare(db);
    const { rows } = await db.query("select table_name from ampsync.events where event = 'table_created'");
    expect(rows).toEqual([{ table_name: "blocks" }]);
  });
});

test("the second table of a schema shares its view of checkpoints", async () => {
  await registerDataset(db, "chain", ["blocks", "logs"]);
  for (const table of ["blocks", "logs"]) {
    const stream = await SqlStream.prepare(db, { table });
    await stream.apply(0, 2);
  }
  const { rows } = await db.query("select table_name from chain._ampsync_checkpoints order by 1");
  expect(rows).toEqual([{ table_name: "blocks" }, { table_name: "logs" }]);
});

test("a table that the user made in the meantime is refused, not used", async () => {
  const stream = await SqlStream.register(db);
  await stream.acquire();
  await db.query("create schema chain; create table chain.blocks (_id bytea primary key)");
  const error = await refusal(db, () => stream.prepareTarget());
  expect(error).toMatchObject({
    code: "SY003",
    message: "Target table chain.blocks exists and was not created by ampsync",
  });
  await db.query(error.hint!);
  await stream.prepareTarget();
});

test("as many columns as the program lets through are made: 1,590, _block_num included", async () => {
  const columns = Array.from({ length: 1589 }, (_, n) => ({
    name: `c${n}`,
    type: "bigint",
    not_null: false,
  }));
  await SqlStream.prepare(db, { columns });
  expect(await columnsOf("chain.blocks")).toHaveLength(1593);
});

test("a table may be called as PostgreSQL calls the array of another one", async () => {
  const targets: string[] = [];
  await registerDataset(db, "chain", ["logs", "_logs"]);
  for (const table of ["logs", "_logs"]) targets.push((await SqlStream.prepare(db, { table })).target);
  expect(targets).toEqual(["chain.logs", "chain._logs"]);
});

test("an old lease makes no table", async () => {
  const stream = await SqlStream.register(db);
  await stream.acquire();
  await moveClock(db, "31 s");
  expect(await refusal(db, () => stream.prepareTarget())).toMatchObject({ code: "SY001" });
});

test("restart_with_same_schema: the same plan again changes nothing, even after rows came", async () => {
  const stream = await SqlStream.prepare(db);
  await stream.prepareTarget();
  await stream.apply(0, 9);
  await stream.prepareTarget();
  expect(await columnsOf("chain.blocks")).toHaveLength(6);
});

test("a column that the user wants no NULL in still fits: value_policy decides about rows that have one", async () => {
  const stream = await SqlStream.prepare(db);
  await db.query("alter table chain.blocks alter column note set not null");
  await stream.prepareTarget();
});

const [HASH, NOTE] = COLUMNS as [TargetColumn, TargetColumn];
const EXTRA: TargetColumn = { name: "extra", type: "bigint", not_null: false };

describe("a target that does not fit the plan is refused:", () => {
  test.each<[string, string, TargetColumn[], boolean, string]>([
    ["the server dropped a column", "", [HASH], true, "Columns dropped from schema (unsupported): note"],
    [
      "the server changed a type",
      "",
      [HASH, { ...NOTE, type: "numeric(20,0)" }],
      true,
      "Type changes detected (unsupported): note text -> numeric(20,0)",
    ],
    [
      "the user dropped a column",
      "alter table chain.blocks drop column note",
      [HASH, NOTE],
      true,
      "Columns missing in the table: note",
    ],
    [
      "the user renamed a column",
      "alter table chain.blocks rename note to memo",
      [HASH, NOTE],
      true,
      "Columns missing in the table: note",
    ],
    [
      "the user changed a type",
      "alter table chain.blocks alter note type varchar(10)",
      [HASH, NOTE],
      true,
      "Type changes detected (unsupported): note character varying(10) -> text",
    ],
    ["the server no longer offers block numbers", "", [HASH, NOTE], false, "no longer offers _block_num"],
    [
      "the user dropped columns of ours",
      "alter table chain.blocks rename _block_num to height; alter table chain.blocks drop _block_num_start",
      [HASH, NOTE],
      true,
      "Columns of ampsync missing or changed: _block_num_start, _block_num",
    ],
  ])("%s", async (_, change, plan, hasBlockNum, fault) => {
    const stream = await SqlStream.prepare(db);
    await db.query(change);
    const error = await refusal(db, () => stream.prepareTarget(plan, hasBlockNum));
    expect(error).toMatchObject({
      code: "SY201",
      message: expect.stringContaining("target table of blocks does not fit the schema"),
      hint: expect.stringMatching(/select ampsync\.(resume_sync\('chain'\)|resync\('chain', 'blocks'\));/),
    });
    expect(error.message).toContain(fault);
    expect(error.detail).toMatch(/./);
    await db.query(error.hint!);
  });

  test("the user dropped the key, which the hint makes again", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 4);
    await db.query("alter table chain.blocks drop constraint blocks_pkey");
    const error = await refusal(db, () => stream.prepareTarget());
    expect(error).toMatchObject({
      code: "SY201",
      message: expect.stringContaining("its primary key (_id) is gone"),
    });
    await db.query(error.hint!);
    await stream.prepareTarget();
  });

  test("all faults at once", async () => {
    const stream = await SqlStream.prepare(db);
    const error = await refusal(db, () => stream.prepareTarget([{ ...HASH, type: "text" }, EXTRA]));
    expect(error.message).toMatch(/block_hash bytea -> text; .*dropped.*note/);
  });
});

describe("a target fits in spite of", () => {
  test.each([
    ["a column that the user added", "alter table chain.blocks add column mine int", COLUMNS],
    ["an index that the user added", "create index on chain.blocks (note)", COLUMNS],
    [
      "a column that the user made nullable",
      "alter table chain.blocks alter block_hash drop not null",
      COLUMNS,
    ],
    ["a column that is never null any more", "", [HASH, { ...NOTE, not_null: true }]],
    ["another order of the columns", "", [NOTE, HASH]],
  ])("%s", async (_, change, plan) => {
    const stream = await SqlStream.prepare(db);
    await db.query(change);
    await stream.prepareTarget(plan);
  });

  test("another schema of that name in between: it is known by its OID", async () => {
    const stream = await SqlStream.prepare(db);
    await db.query("create schema elsewhere; create table elsewhere.blocks (n int)");
    await stream.prepareTarget();
  });
});

test("a column that the user added is neither filled nor dropped", async () => {
  const stream = await SqlStream.prepare(db);
  await db.query("alter table chain.blocks add column mine int default 7");
  await stream.apply(0, 0);
  const { rows } = await db.query("select mine from chain.blocks");
  expect(rows).toEqual([{ mine: 7 }]);
});

describe("rows above the checkpoint", () => {
  test.each([
    ["after a commit", 10, "9"],
    ["far above", 2 ** 40, "9"],
  ])("are refused %s, with the statement that removes them", async (_, block, checkpoint) => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    await stream.insert(block, block, "b");
    const error = await refusal(db, () => stream.prepareTarget());
    expect(error).toMatchObject({
      code: "SY201",
      message: "target table chain.blocks holds rows above the checkpoint",
      detail: expect.stringContaining(`The checkpoint is block ${checkpoint};`),
    });
    await db.query(error.hint!);
    await stream.prepareTarget();
    expect((await stream.rows()).split(" ")).toHaveLength(10);
  });

  test("are refused where there is no checkpoint", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.insert(0, 0);
    const error = await refusal(db, () => stream.prepareTarget());
    expect(error).toMatchObject({
      code: "SY201",
      detail: expect.stringContaining("The checkpoint is block none;"),
    });
    await db.query(error.hint!);
    await stream.prepareTarget();
  });
});

test.each([true, false])(
  "comments explain the columns of ours, _block_num offered: %s",
  async (hasBlockNum) => {
    await SqlStream.prepare(db, { hasBlockNum });
    const { rows } = await db.query(
      `select a.attname as name, col_description(a.attrelid, a.attnum) as meaning
       from pg_attribute a
      where a.attrelid = 'chain.blocks'::regclass and a.attnum > 0
      order by a.attnum`,
    );
    const key =
      "Key of the row: 6 bytes of its block, then 10 bytes of a hash of its values. In block order.";
    expect(rows.map(({ name, meaning }) => [name, meaning])).toEqual([
      ["_id", key],
      [
        "_block_num_start",
        hasBlockNum ? "Block of the row, as in _block_num." : "First block that the row can belong to.",
      ],
      [
        "_block_num_end",
        hasBlockNum ? "Block of the row, as in _block_num." : "Last block that the row can belong to.",
      ],
      ...(hasBlockNum ? [["_block_num", "Block of the row."]] : []),
      ["block_hash", null],
      ["note", null],
    ]);
  },
);
