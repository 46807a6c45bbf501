import { describe, expect, test } from "vitest";

import { journaledDetails } from "../../support/postgres/journal.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { loadedStream } from "../../support/postgres/shadow.ts";
import { SqlStream, type TargetColumn } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

const column = (name: string, type = "bigint", notNull = false): TargetColumn => ({
  name,
  type,
  not_null: notNull,
});
const HASH = column("block_hash", "bytea", true);
const NOTE = column("note", "text");

/** A loaded stream whose table has, besides the columns of the test rows, the given ones. */
const streamWith = (...columns: TargetColumn[]) => loadedStream(db, { columns: [HASH, NOTE, ...columns] });

async function plan(stream: SqlStream, columns: readonly TargetColumn[], network: string | null = null) {
  const { rows } = await db.query("select * from ampsync_private.plan_evolution($1, $2, $3, $4)", [
    stream.id,
    stream.hasBlockNum,
    JSON.stringify(columns),
    network,
  ]);
  return rows;
}

const actions = async (stream: SqlStream, columns: readonly TargetColumn[]) =>
  (await plan(stream, columns)).map(({ action, column_name }) => [action, column_name]);

async function columnsOf(stream: SqlStream): Promise<string[]> {
  const { rows } = await db.query(
    `select concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), case when a.attnotnull then 'not null' end) as text
       from pg_attribute a where a.attrelid = $1::regclass and a.attnum > 4 and not a.attisdropped order by a.attnum`,
    [stream.target],
  );
  return rows.map((row) => row["text"]);
}

const fileOf = async (stream: SqlStream) =>
  (await db.query("select pg_relation_filenode($1::regclass) as file", [stream.target])).rows[0]!["file"];

test("restart_with_same_schema: the same schema has no plan", async () => {
  const stream = await streamWith(column("n", "numeric(20,0)"), column("list", "numeric(38,18)[]"));
  expect(
    await plan(stream, [HASH, NOTE, column("n", "numeric(20,0)"), column("list", "numeric(38,18)[]")]),
  ).toEqual([]);
});

test("another order of the columns has no plan", async () => {
  expect(await plan(await streamWith(), [NOTE, HASH])).toEqual([]);
});

test("a table that is not made yet has no plan", async () => {
  expect(await plan(await SqlStream.register(db), [HASH])).toEqual([]);
});

describe("new columns", () => {
  test("add_new_column: are appended, nullable whatever the schema says", async () => {
    const stream = await streamWith();
    const planned = [column("email", "text", true), HASH, NOTE];
    expect(await plan(stream, planned)).toMatchObject([
      { action: "add_column", column_name: "email", old_type: null, new_type: "text", refusal: null },
    ]);
    expect(await stream.prepareTarget(planned)).toEqual(["block_hash", "note", "email"]);
    expect(await columnsOf(stream)).toEqual(["block_hash bytea not null", "note text", "email text"]);
    expect(await journaledDetails(db, "column_added")).toEqual([{ column: "email", type: "text" }]);
    expect(await plan(stream, planned)).toEqual([]);
  });

  test("add_multiple_columns: come in the order of the schema and are stored like those of a new table", async () => {
    const stream = await streamWith();
    const planned = [
      column("list", "numeric(76,0)[]"),
      HASH,
      column("data", "bytea"),
      NOTE,
      column('From "x"', "text"),
    ];
    await stream.prepareTarget(planned);
    expect(await columnsOf(stream)).toEqual([
      "block_hash bytea not null",
      "note text",
      "list numeric(76,0)[]",
      "data bytea",
      'From "x" text',
    ]);
    const { rows } = await db.query(
      `select a.attstorage, a.attcompression from pg_attribute a
        where a.attrelid = $1::regclass and a.attname in ('note', 'data', 'From "x"')`,
      [stream.target],
    );
    expect(new Set(rows.map((row) => JSON.stringify(row))).size).toBe(1);
  });

  test("add_block_num_with_primary_key: may be called block_num, and the key stays", async () => {
    const stream = await streamWith();
    await stream.prepareTarget([HASH, NOTE, column("block_num")]);
    expect(await columnsOf(stream)).toEqual(["block_hash bytea not null", "note text", "block_num bigint"]);
    const { rows } = await db.query(
      "select pg_get_constraintdef(oid) as key from pg_constraint where conrelid = $1::regclass and contype = 'p'",
      [stream.target],
    );
    expect(rows).toEqual([{ key: "PRIMARY KEY (_id)" }]);
    await stream.apply(10, 11);
  });

  test("are all added or none: what PostgreSQL itself refuses leaves the table as it was", async () => {
    const stream = await streamWith();
    await db.query(
      "create table chain.parent (block_hash bytea not null); alter table chain.blocks inherit chain.parent",
    );
    const planned = [column("extra"), { ...HASH, not_null: false }, NOTE];
    expect(await refusal(db, () => stream.prepareTarget(planned))).toMatchObject({
      code: "SY201",
      message: expect.stringMatching(/^column block_hash cannot be changed as the schema requires: /),
      hint: expect.stringContaining("alter column block_hash drop not null"),
    });
    expect(await columnsOf(stream)).toEqual(["block_hash bytea not null", "note text"]);
    await db.query("alter table chain.blocks no inherit chain.parent");
    await stream.prepareTarget(planned);
  });

  test("are refused where the user has a column of that name, with the statement that makes room", async () => {
    const stream = await streamWith();
    await db.query(`alter table ${stream.target} add column email text default 'mine'`);
    const planned = [HASH, NOTE, column("email", "text")];
    const error = await refusal(db, () => stream.prepareTarget(planned));
    expect(error).toMatchObject({
      code: "SY201",
      message: expect.stringContaining("have the names of columns that are not ampsync's: email"),
    });
    await db.query(error.hint!);
    expect(await stream.prepareTarget(planned)).toEqual(["block_hash", "note", "email"]);
  });

  test("are refused where the table has no room, dropped columns included", async () => {
    const stream = await streamWith();
    const many = Array.from({ length: 1593 }, (_, n) => column(`c${n}`));
    await db.query(
      `alter table ${stream.target} ${many.map(({ name }) => `add column mine_${name} boolean`).join(", ")}`,
    );
    await db.query(`alter table ${stream.target} drop column mine_c0`);
    expect(await actions(stream, [HASH, NOTE, column("one")])).toEqual([["add_column", "one"]]);
    const error = await refusal(db, () => stream.prepareTarget([HASH, NOTE, column("one"), column("two")]));
    expect(error).toMatchObject({ code: "SY201", message: expect.stringMatching(/1600 per table.*: two$/) });
  });
});

describe("columns that the schema dropped", () => {
  test("dropped_column_fails: are refused by name, until the user drops them too", async () => {
    const stream = await streamWith(column("n"));
    const error = await refusal(db, () => stream.prepareTarget([HASH, NOTE]));
    expect(error).toMatchObject({
      code: "SY201",
      message: "target table of blocks does not fit the schema: Columns dropped from schema (unsupported): n",
      hint: "alter table chain.blocks drop column n; select ampsync.resume_sync('chain');",
    });
    await db.query(error.hint!);
    expect(await actions(stream, [HASH, NOTE])).toEqual([["forget_column", "n"]]);
    expect(await stream.prepareTarget([HASH, NOTE])).toEqual(["block_hash", "note"]);
    expect(await journaledDetails(db, "column_forgotten")).toEqual([{ column: "n" }]);
    expect(await plan(stream, [HASH, NOTE])).toEqual([]);
    await stream.apply(10, 11);
  });

  test("may come back as new ones", async () => {
    const stream = await streamWith(column("n"));
    await db.query(`alter table ${stream.target} drop column n`);
    await stream.prepareTarget([HASH, NOTE]);
    expect(await stream.prepareTarget([column("n", "text"), HASH, NOTE])).toEqual([
      "block_hash",
      "note",
      "n",
    ]);
  });

  test("by a rename are refused, and nothing is added", async () => {
    const stream = await streamWith(column("n"));
    const error = await refusal(db, () => stream.prepareTarget([HASH, NOTE, column("m")]));
    expect(error.message).toContain("Columns dropped from schema (unsupported): n");
    expect(await columnsOf(stream)).toEqual(["block_hash bytea not null", "note text", "n bigint"]);
  });
});

describe("another type", () => {
  test.each([
    ["bigint", "numeric(20,0)"],
    ["numeric(20,0)", "bigint"],
    ["numeric(20,0)", "numeric(38,2)"],
    ["numeric(38,2)", "numeric(20,0)"],
    ["numeric(20,0)[]", "numeric(38,0)[]"],
    ["numeric(20,0)", "numeric(20,0)[]"],
    ["bytea", "text"],
    ["timestamp without time zone", "timestamp with time zone"],
  ])("type_change_fails: %s -> %s", async (from, to) => {
    const stream = await streamWith(column("n", from));
    expect(await refusal(db, () => stream.prepareTarget([HASH, NOTE, column("n", to)]))).toMatchObject({
      code: "SY201",
      message: `target table of blocks does not fit the schema: Type changes detected (unsupported): n ${from} -> ${to}`,
      hint: "select ampsync.resync('chain', 'blocks');",
    });
  });

  test("that the user gave is taken back by the hint", async () => {
    const stream = await streamWith(column("n"));
    await db.query(`alter table ${stream.target} alter column n type integer`);
    const error = await refusal(db, () => stream.prepareTarget([HASH, NOTE, column("n")]));
    expect(error.message).toContain("n integer -> bigint");
    await db.query(error.hint!);
    await stream.prepareTarget([HASH, NOTE, column("n")]);
    expect(await columnsOf(stream)).toContain("n bigint");
  });

  test("of the same scale and more digits: the column is widened without a rewrite, once", async () => {
    const stream = await streamWith(column("n", "numeric(20,2)"));
    await db.query(`create index on ${stream.target} (n)`);
    const before = await fileOf(stream);
    const planned = [HASH, NOTE, column("n", "numeric(38,2)")];
    expect(await plan(stream, planned)).toMatchObject([
      { action: "widen_column", old_type: "numeric(20,2)", new_type: "numeric(38,2)" },
    ]);
    await stream.prepareTarget(planned);
    expect(await columnsOf(stream)).toContain("n numeric(38,2)");
    expect(await fileOf(stream)).toBe(before);
    expect(await journaledDetails(db, "column_widened")).toEqual([
      { column: "n", from: "numeric(20,2)", to: "numeric(38,2)" },
    ]);
    expect(await plan(stream, planned)).toEqual([]);
  });

  test.each([
    ["numeric(38,2)", "numeric(20,2)"],
    ["numeric(38,0)[]", "numeric(20,0)[]"],
  ])("of the same scale and fewer digits: %s keeps the values of %s", async (wide, narrow) => {
    const stream = await streamWith(column("n", wide));
    const planned = [HASH, NOTE, column("n", narrow)];
    expect(await plan(stream, planned)).toMatchObject([{ action: "keep", ddl: null, refusal: null }]);
    await stream.prepareTarget(planned);
    expect(await columnsOf(stream)).toContain(`n ${wide}`);
    expect(await plan(stream, [HASH, NOTE, column("n", wide)])).toEqual([]);
  });
});

describe("what uses a column that is to be widened", () => {
  const WIDE = [HASH, NOTE, column("n", "numeric(38,0)")];

  test.each([
    ["a view", "create view chain.seen as select n from chain.blocks", "view chain.seen"],
    [
      "a view of a view",
      "create view chain.seen as select n from chain.blocks; create view chain.again as select n + 1 as m from chain.seen",
      "view chain.again, view chain.seen",
    ],
    [
      "a materialized view",
      "create materialized view chain.seen as select n from chain.blocks",
      "materialized view",
    ],
    ["a policy", "create policy big on chain.blocks using (n > 1)", "policy big on table chain.blocks"],
    [
      "a rule",
      "create rule r as on update to chain.blocks where old.n > 1 do instead nothing",
      "rule r on table chain.blocks",
    ],
    [
      "a generated column",
      "alter table chain.blocks add column twice numeric generated always as (n * 2) stored",
      "column twice of table chain.blocks",
    ],
    [
      "a trigger",
      `create function chain.f() returns trigger language plpgsql as 'begin return new; end';
       create trigger t before update of n on chain.blocks for each row execute function chain.f()`,
      "trigger t on table chain.blocks",
    ],
    [
      "a function",
      "create function chain.f() returns numeric begin atomic select max(n) from chain.blocks; end",
      "function chain.f()",
    ],
    [
      "the row filter of a publication",
      "create publication p for table chain.blocks where (n > 1)",
      "publication p",
    ],
    ["a check constraint", "alter table chain.blocks add constraint big check (n > 1)", "constraint big"],
    ["an index with a predicate", "create index big on chain.blocks (note) where n > 1", "index chain.big"],
  ])("%s is named, and the hint gets it out of the way", async (_, change, object) => {
    const stream = await streamWith(column("n", "numeric(20,0)"));
    await db.query(change);
    const error = await refusal(db, () => stream.prepareTarget(WIDE));
    expect(error).toMatchObject({
      code: "SY201",
      message: expect.stringContaining("Columns cannot be widened because of "),
    });
    expect(error.message).toContain(object);
    await db.query(error.hint!);
    await stream.prepareTarget(WIDE);
    expect(await columnsOf(stream)).toContain("n numeric(38,0)");
  });

  test("views are made again as they were", async () => {
    const stream = await streamWith(column("n", "numeric(20,0)"));
    await db.query(
      "create view chain.seen as select n from chain.blocks; create view chain.again as select n from chain.seen",
    );
    await db.query((await refusal(db, () => stream.prepareTarget(WIDE))).hint!);
    expect((await db.query("select from chain.again")).rowCount).toBe(10);
  });

  test.each([
    ["an index", "create index on chain.blocks (n)"],
    [
      "a constraint that is not checked",
      "alter table chain.blocks add constraint big check (n > 1) not valid",
    ],
    ["a view of other columns", "create view chain.seen as select note from chain.blocks"],
    ["extended statistics", "create statistics chain.s on n, note from chain.blocks"],
    ["a default", "alter table chain.blocks alter n set default 5"],
  ])("%s is no obstacle", async (_, change) => {
    const stream = await streamWith(column("n", "numeric(20,0)"));
    await db.query(change);
    await stream.prepareTarget(WIDE);
    expect(await columnsOf(stream)).toContain("n numeric(38,0)");
  });
});

describe("NOT NULL", () => {
  test("is dropped where the schema now allows null, and comes back neither by schema nor at a restart", async () => {
    const stream = await streamWith(column("n", "bigint", false));
    const loose = [{ ...HASH, not_null: false }, NOTE, column("n")];
    expect(await actions(stream, loose)).toEqual([["drop_not_null", "block_hash"]]);
    await stream.prepareTarget(loose);
    expect(await columnsOf(stream)).toContain("block_hash bytea");
    expect(await journaledDetails(db, "not_null_dropped")).toEqual([{ columns: ["block_hash"] }]);
    const strict = [HASH, NOTE, column("n", "bigint", true)];
    expect(await plan(stream, strict)).toEqual([]);
    expect(await plan(stream, loose)).toEqual([]);
  });

  test.each(["not_null => false", "value_policy => 'null'"])("is dropped under %s", async (option) => {
    const stream = await streamWith();
    await db.query(`select ampsync.enqueue_sync('chain', ${option})`);
    expect(await actions(stream, [HASH, NOTE])).toEqual([["drop_not_null", "block_hash"]]);
  });

  test.each([
    [
      "the replica identity",
      `create unique index by_hash on chain.blocks (block_hash);
       alter table chain.blocks replica identity using index by_hash`,
    ],
    [
      "a primary key of the user",
      `create unique index by_id on chain.blocks (_id); alter table chain.blocks drop constraint blocks_pkey,
         add primary key (block_hash)`,
    ],
  ])("that %s needs is refused, with the statement that drops the need", async (_, change) => {
    const stream = await streamWith();
    await db.query(change);
    const loose = [{ ...HASH, not_null: false }, NOTE];
    const error = await refusal(db, () => stream.prepareTarget(loose));
    expect(error).toMatchObject({
      code: "SY201",
      message: expect.stringContaining("Columns may be null now"),
    });
    await db.query(error.hint!);
    await stream.prepareTarget(loose);
    expect(await columnsOf(stream)).toContain("block_hash bytea");
  });
});

test("another network is refused", async () => {
  const stream = await streamWith();
  expect(await plan(stream, [HASH, NOTE], "mainnet")).toEqual([]);
  expect(await plan(stream, [HASH, NOTE], "base")).toMatchObject([
    { action: "refuse", refusal: "Network changed for table blocks: mainnet -> base" },
  ]);
});
