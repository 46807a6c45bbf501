import { beforeEach, describe, expect, test } from "vitest";

import { describeTable } from "../../support/postgres/describe-table.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";

const db = rolledBackDatabase();

/** The new version has no `gone`, and another type of `amount`. */
const NEW_COLUMNS = JSON.stringify([
  { name: "address", type: "bytea", not_null: false },
  { name: "amount", type: "numeric(20,0)", not_null: true },
]);
const MADE_COLUMNS = JSON.stringify([{ name: "address" }, { name: "amount" }, { name: "gone" }]);

const CHECK = `select ampsync_private.check_replaceable('ds.logs', '${NEW_COLUMNS}', '${MADE_COLUMNS}')`;

beforeEach(async () => {
  await db.query(`
    create schema ds;
    create table ds.logs (
      _id bytea primary key, _block_num_start bigint not null, _block_num_end bigint not null, _block_num bigint not null,
      address bytea, gone text, amount integer);
    create table ds.other (_id bytea primary key, address bytea);
    create schema aside;
    create table aside.new (
      _id bytea primary key, _block_num_start bigint not null, _block_num_end bigint not null, _block_num bigint not null,
      address bytea, amount numeric(20));`);
});

describe("what cannot be kept is refused, and the hint removes it:", () => {
  test.each([
    [
      "a materialized view",
      "create materialized view ds.m as select address from ds.logs",
      "materialized view ds.m reads it, and keeps rows of its own",
      "drop materialized view ds.m;",
    ],
    [
      "a view that needs a column that is gone",
      "create view ds.v as select address from ds.logs where gone is not null",
      "view ds.v needs column gone",
      "drop view ds.v;",
    ],
    [
      "a temporary view",
      "create temporary view v as select address from ds.logs",
      "view v is temporary, of a session that goes on",
      "drop view pg_temp.v;",
    ],
    [
      "a materialized view on a view that is to be created again",
      "create view ds.v as select amount from ds.logs; create materialized view ds.m as select 1 from ds.v",
      "materialized view ds.m uses view ds.v, a column of which changes its type",
      "drop materialized view ds.m;",
    ],
    [
      "a function with the row type of a view that is to be created again",
      "create view ds.v as select amount from ds.logs; create function ds.f(ds.v) returns int language sql as 'select 1'",
      "function ds.f(ds.v) uses the row type of the table",
      "drop function ds.f(ds.v);",
    ],
    [
      "a function with the row type",
      "create function ds.f(ds.logs) returns int language sql as 'select 1'",
      "function ds.f(ds.logs) uses the row type of the table",
      "drop function ds.f(ds.logs);",
    ],
    [
      "a function with an array of it",
      "create function ds.f() returns ds.logs[] language sql as 'select null::ds.logs[]'",
      "function ds.f() uses the row type of the table",
      "drop function ds.f();",
    ],
    [
      "a function in standard SQL that needs a column that is gone",
      "create function ds.f() returns text language sql begin atomic select max(gone) from ds.logs; end",
      "function ds.f() needs column gone",
      "drop function ds.f();",
    ],
    [
      "a column with the row type",
      "alter table ds.other add line ds.logs",
      "column line of table ds.other uses the row type of the table",
      "alter table ds.other drop column line;",
    ],
    [
      "a view with the row type",
      "create view ds.v as select l from ds.logs l",
      "column l of view ds.v uses the row type of the table",
      "drop view ds.v;",
    ],
    [
      "a foreign key that refers to it",
      "alter table ds.other add constraint there foreign key (_id) references ds.logs",
      "constraint there on table ds.other is a foreign key",
      "alter table ds.other drop constraint there;",
    ],
    [
      "a foreign key of its own",
      "alter table ds.logs add constraint back foreign key (_id) references ds.other",
      "constraint back on table ds.logs is a foreign key",
      "alter table ds.logs drop constraint back;",
    ],
    [
      "a policy that needs a column that is gone",
      "create policy p on ds.logs using (gone is null)",
      "policy p on table ds.logs needs column gone",
      "drop policy p on ds.logs;",
    ],
    [
      "a policy of another table that needs a column that is gone",
      "create policy p on ds.other using (exists (select from ds.logs where gone is null))",
      "policy p on table ds.other needs column gone",
      "drop policy p on ds.other;",
    ],
    [
      "a row filter that needs a column that is gone",
      "create publication p for table ds.logs where (gone is null)",
      "publication of table ds.logs in publication p needs column gone",
      "alter publication p drop table ds.logs;",
    ],
    [
      "a column list with a column that is gone",
      "create publication p for table ds.logs (_id, gone)",
      "publication of table ds.logs in publication p needs column gone",
      "alter publication p drop table ds.logs;",
    ],
    [
      "a trigger that needs a column that is gone",
      `create function ds.f() returns trigger language plpgsql as 'begin return null; end';
       create trigger t after update of gone on ds.logs for each row execute function ds.f()`,
      "trigger t on table ds.logs needs column gone",
      "drop trigger t on ds.logs;",
    ],
    [
      "a constraint trigger that refers to it",
      `create function ds.f() returns trigger language plpgsql as 'begin return null; end';
       create constraint trigger t after insert on ds.other from ds.logs for each row execute function ds.f()`,
      "trigger t on table ds.other refers to it",
      "drop trigger t on ds.other;",
    ],
    [
      "a rule that needs a column that is gone",
      "create rule r as on delete to ds.other do also update ds.logs set gone = null",
      "rule r on table ds.other needs column gone",
      "drop rule r on ds.other;",
    ],
    [
      "a default that names it",
      "alter table ds.other add tab regclass default 'ds.logs'",
      "default value for column tab of table ds.other names it",
      "alter table ds.other alter column tab drop default;",
    ],
    [
      "a sequence that one of its columns owns",
      "create sequence ds.s owned by ds.logs.amount",
      "sequence ds.s is owned by one of its columns",
      "drop sequence ds.s;",
    ],
    [
      "a table that inherits from it",
      "create table ds.child () inherits (ds.logs)",
      "table ds.child inherits from it",
      "drop table ds.child;",
    ],
    [
      "a table that it inherits from",
      "create table ds.parent (address bytea); alter table ds.logs inherit ds.parent",
      "table ds.logs inherits from ds.parent",
      "alter table ds.logs no inherit ds.parent;",
    ],
    [
      "another primary key",
      "alter table ds.logs drop constraint logs_pkey, add primary key (_id, _block_num)",
      "constraint logs_pkey on table ds.logs is a primary key other than that of ampsync",
      "alter table ds.logs drop constraint logs_pkey;",
    ],
    [
      "an index that is dropped with an extension",
      "create index i on ds.logs (address); alter index ds.i depends on extension plpgsql",
      "table ds.logs has index ds.i that is dropped with extension plpgsql",
      "alter index ds.i no depends on extension plpgsql;",
    ],
    [
      "a column that somebody added",
      "alter table ds.logs add mine text default 'x'",
      "column mine is not of the dataset, and its values would be lost",
      "alter table ds.logs drop column mine;",
    ],
  ])("%s", async (_, sql, found, remedy) => {
    await db.query(CHECK);
    await db.query(sql);
    const error = await refusal(db, CHECK);
    expect(error).toMatchObject({
      code: "SY201",
      message:
        "table ds.logs cannot be replaced by one with other columns: an object that hangs on it cannot be kept",
      detail: `${found}. Nothing was changed.`,
    });
    expect(error.hint?.replace(/pg_temp_\d+/, "pg_temp")).toBe(remedy);
    await db.query(error.hint!);
    await db.query(CHECK);
    await db.query("select ampsync_private.replace_target('ds.logs', 'aside.new', 'aside', 'old')");
  });
});

test("everything is told at once", async () => {
  await db.query(`create materialized view ds.m as select address from ds.logs;
                  create view ds.v as select gone from ds.logs`);
  const error = await refusal(db, CHECK);
  expect(error.message).toMatch(/2 objects that hang on it cannot be kept$/);
  expect(error.detail).toBe(
    "materialized view ds.m reads it, and keeps rows of its own; view ds.v needs column gone. Nothing was changed.",
  );
  await db.query(error.hint!);
  await db.query(CHECK);
});

describe("a rehearsal", () => {
  const REHEARSAL = `select ampsync_private.rehearse_replacement('ds.logs', '${NEW_COLUMNS}', '${MADE_COLUMNS}')`;

  test("finds what fails by the types of the new columns", async () => {
    await db.query("create view ds.v as select amount & 1 from ds.logs");
    await db.query(CHECK);
    const error = await refusal(db, REHEARSAL);
    expect(error).toMatchObject({
      code: "SY201",
      message: "table ds.logs cannot be replaced: view ds.v does not fit the new table",
      detail: "operator does not exist: numeric & integer. Nothing was changed.",
      hint: "drop view ds.v;",
    });
    await db.query(error.hint!);
    await db.query(REHEARSAL);
  });

  test("changes nothing, and leaves no lock", async () => {
    await db.query("create view ds.v as select amount from ds.logs; create index on ds.logs (amount)");
    const before = await describeTable(db, "ds.logs");
    await db.query(REHEARSAL);
    expect(await describeTable(db, "ds.logs")).toEqual(before);
    expect((await db.query("select from pg_class where relname like 'rehears%'")).rowCount).toBe(0);
  });

  test("finds what cannot be kept", async () => {
    await db.query("create materialized view ds.m as select address from ds.logs");
    expect(await refusal(db, REHEARSAL)).toMatchObject({
      code: "SY201",
      hint: "drop materialized view ds.m;",
    });
  });
});
