import { describe, expect, test } from "vitest";

import { plainTables, REPLACE, TAKE_BACK } from "../../support/postgres/replaced-table.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";

const db = rolledBackDatabase();

const COPY_INDEXES = "select ampsync_private.copy_indexes('ds.logs', 'aside.new') as count";

describe("indexes", () => {
  test("that were copied before are taken, not made again", async () => {
    await plainTables(db);
    await db.query(`create index by_note on ds.logs (note) where amount > 1; create index by_block on ds.logs (_block_num);
                    alter table ds.logs add constraint u unique (note, amount) with (fillfactor = 50)`);
    await db.query("create index on aside.new (_block_num)"); // Made by the one who loads the table.
    expect((await db.query(COPY_INDEXES)).rows).toEqual([{ count: 2 }]);
    expect((await db.query(COPY_INDEXES)).rows).toEqual([{ count: 0 }]);
    const indexes = "select indexrelid::oid from pg_index where indrelid = $1::regclass order by 1";
    const copied = (await db.query(indexes, ["aside.new"])).rows;
    await db.query(REPLACE);
    expect((await db.query(indexes, ["ds.logs"])).rows).toEqual(copied);
    expect(
      (await db.query("select indexdef from pg_indexes where schemaname = 'ds' order by indexname")).rows,
    ).toEqual([
      { indexdef: "CREATE INDEX by_block ON ds.logs USING btree (_block_num)" },
      { indexdef: "CREATE INDEX by_note ON ds.logs USING btree (note) WHERE (amount > (1)::numeric)" },
      { indexdef: "CREATE UNIQUE INDEX logs_pkey ON ds.logs USING btree (_id)" },
      { indexdef: "CREATE UNIQUE INDEX u ON ds.logs USING btree (note, amount) WITH (fillfactor='50')" },
    ]);
  });

  test("of former tables may have the same names", async () => {
    await plainTables(db);
    await db.query("create table aside.other (_id bytea constraint logs_pkey primary key)");
    await db.query(REPLACE);
    await db.query(TAKE_BACK);
    expect((await db.query("select indexname from pg_indexes where schemaname = 'ds'")).rows).toEqual([
      { indexname: "logs_pkey" },
    ]);
  });

  test("of the new table give way to those whose names they have", async () => {
    await plainTables(db);
    await db.query("create index by_note on ds.logs (note); create index by_note on aside.new (fresh)");
    await db.query(REPLACE);
    const { rows } = await db.query(
      "select indexname, indexdef from pg_indexes where schemaname = 'ds' and indexname <> 'logs_pkey' order by 2 desc",
    );
    expect(rows).toEqual([
      { indexname: "by_note", indexdef: "CREATE INDEX by_note ON ds.logs USING btree (note)" },
      {
        indexname: expect.stringMatching(/^ampsync_index_/),
        indexdef: expect.stringMatching(/USING btree \(fresh\)$/),
      },
    ]);
  });

  test("of a constraint that is deferrable are not those of one that is not", async () => {
    await plainTables(db);
    await db.query(`alter table ds.logs add constraint u unique (note, amount) deferrable;
                    alter table aside.new add constraint u unique (note, amount)`);
    await db.query(REPLACE);
    const { rows } = await db.query(
      "select pg_get_constraintdef(oid) as def from pg_constraint where conrelid = 'ds.logs'::regclass and contype = 'u'",
    );
    expect(rows).toEqual([{ def: "UNIQUE (note, amount) DEFERRABLE" }]);
  });

  test("that are invalid are left behind", async () => {
    await plainTables(db);
    await db.query(
      "create index broken on ds.logs (note); update pg_index set indisvalid = false where indexrelid = 'ds.broken'::regclass",
    );
    await db.query(REPLACE);
    expect((await db.query("select indexname from pg_indexes where tablename = 'logs'")).rows).toEqual([
      { indexname: "logs_pkey" },
    ]);
  });
});

test("CHECK constraints that were copied before are not checked again", async () => {
  await plainTables(db);
  await db.query(
    "alter table ds.logs add constraint c check (amount > 0); comment on constraint c on ds.logs is 'c'",
  );
  const copied = async (count: number) => {
    const made = await db.query("select ampsync_private.copy_checks('ds.logs', 'aside.new') as count");
    expect(made.rows).toEqual([{ count }]);
    return (
      await db.query(
        "select oid, conname from pg_constraint where conrelid = 'aside.new'::regclass and contype = 'c'",
      )
    ).rows;
  };
  const first = await copied(1);
  expect(first).toMatchObject([{ conname: "c" }]);
  expect(await copied(0)).toEqual(first);
  await db.query(REPLACE);
  const { rows } = await db.query(
    "select oid, conname from pg_constraint where conrelid = 'ds.logs'::regclass and contype = 'c'",
  );
  expect(rows).toEqual(first);
});
