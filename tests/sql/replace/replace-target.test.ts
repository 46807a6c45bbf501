import { describe, expect, test } from "vitest";

import { describeTable } from "../../support/postgres/describe-table.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";

const db = rolledBackDatabase();

/** Two plain tables: the new one has `fresh` more, and `amount` of another type. */
async function plainTables(): Promise<void> {
  await db.query(`
    create schema ds; create schema aside;
    create table ds.logs (_id bytea primary key, _block_num bigint not null, note text, amount integer);
    create table aside.new (_id bytea primary key, _block_num bigint not null, note text, amount numeric(20), fresh text);
    insert into ds.logs select int8send(n), n, 'note', n from generate_series(1, 3) n;
    insert into aside.new select int8send(n), n, 'note', n, 'fresh' from generate_series(1, 4) n`);
}

const REPLACE = "select ampsync_private.replace_target('ds.logs', 'aside.new', 'aside', 'old')";
const TAKE_BACK = "select ampsync_private.replace_target('ds.logs', 'aside.old', 'aside', 'new')";
const COPY_INDEXES = "select ampsync_private.copy_indexes('ds.logs', 'aside.new') as count";

test("a view whose columns keep their types stays the same view, with whatever depends on it", async () => {
  await plainTables();
  await db.query(`create view ds.notes as select _block_num, note from ds.logs where amount is not null;
                  alter view ds.notes rename note to text;
                  create materialized view ds.counted as select count(*) from ds.notes;
                  create function ds.first() returns ds.notes language sql begin atomic
                    select * from ds.notes order by _block_num limit 1; end`);
  const found = async () =>
    (await db.query("select 'ds.notes'::regclass::oid as oid, count(text)::int from ds.notes")).rows;
  const [before] = await found();
  expect(before).toMatchObject({ count: 3 });
  await db.query("alter table aside.new alter amount type integer");
  await db.query(REPLACE);
  expect(await found()).toEqual([{ ...before, count: 4 }]);
  await db.query("refresh materialized view ds.counted");
  expect((await db.query("select * from ds.counted")).rows).toEqual([{ count: "4" }]);
  await db.query(TAKE_BACK);
  expect(await found()).toEqual([before]);
});

describe("what was changed on the new table holds for the old one when it comes back:", () => {
  test.each([
    [
      "a grant that was taken",
      "create role r; grant select on ds.logs to r",
      "revoke select on ds.logs from r",
    ],
    [
      "a column grant that was taken",
      "create role r; grant select (note) on ds.logs to r",
      "revoke select (note) on ds.logs from r",
    ],
    ["a policy that was dropped", "create policy p on ds.logs using (true)", "drop policy p on ds.logs"],
    [
      "a trigger that was dropped",
      "create function ds.f() returns trigger language plpgsql as 'begin end'; create trigger t after insert on ds.logs execute function ds.f()",
      "drop trigger t on ds.logs",
    ],
    [
      "a rule that was dropped",
      "create rule r as on insert to ds.logs do also nothing",
      "drop rule r on ds.logs",
    ],
    [
      "a CHECK that was dropped",
      "alter table ds.logs add constraint c check (amount > 0)",
      "alter table ds.logs drop constraint c",
    ],
    [
      "a CHECK that was changed",
      "alter table ds.logs add constraint c check (amount > 0)",
      "alter table ds.logs drop constraint c, add constraint c check (amount > -5)",
    ],
    ["a unique index that was dropped", "create unique index u on ds.logs (note, amount)", "drop index ds.u"],
    [
      "a unique constraint that was dropped",
      "alter table ds.logs add constraint u unique (note, amount)",
      "alter table ds.logs drop constraint u",
    ],
    ["an index that was renamed", "create index i on ds.logs (note)", "alter index ds.i rename to j"],
    [
      "an index with other parameters",
      "create index i on ds.logs (note) with (fillfactor = 70)",
      "alter index ds.i reset (fillfactor)",
    ],
    [
      "a publication that was left",
      "create publication p for table ds.logs",
      "alter publication p drop table ds.logs",
    ],
    [
      "a parameter that was reset",
      "alter table ds.logs set (fillfactor = 70, toast.vacuum_truncate = off)",
      "alter table ds.logs reset (fillfactor, toast.vacuum_truncate)",
    ],
    [
      "a column option that was reset",
      "alter table ds.logs alter note set (n_distinct = 5)",
      "alter table ds.logs alter note reset (n_distinct)",
    ],
    [
      "a default that was dropped",
      "alter table ds.logs alter note set default 'x'",
      "alter table ds.logs alter note drop default",
    ],
    [
      "statistics that were dropped",
      "create statistics ds.s on note, _block_num from ds.logs",
      "drop statistics ds.s",
    ],
    [
      "a statistics target that was reset",
      "alter table ds.logs alter note set statistics 7",
      "alter table ds.logs alter note set statistics -1",
    ],
    [
      "a CLUSTER mark that was removed",
      "alter table ds.logs cluster on logs_pkey",
      "alter table ds.logs set without cluster",
    ],
    [
      "another replica identity",
      "alter table ds.logs replica identity full",
      "alter table ds.logs replica identity nothing",
    ],
    [
      "row level security that was disabled",
      "alter table ds.logs enable row level security, force row level security",
      "alter table ds.logs disable row level security, no force row level security",
    ],
    [
      "a comment that was changed",
      "comment on column ds.logs.note is 'old'",
      "comment on column ds.logs.note is 'new'",
    ],
    [
      "storage that was changed",
      "alter table ds.logs alter note set storage external",
      "alter table ds.logs alter note set storage main",
    ],
  ])("%s", async (_, first, change) => {
    await plainTables();
    await db.query("alter table aside.new alter amount type integer, drop fresh");
    await db.query(first);
    await db.query(REPLACE);
    await db.query(change);
    const changed = await describeTable(db, "ds.logs");
    await db.query(TAKE_BACK);
    expect(await describeTable(db, "ds.logs")).toEqual(changed);
  });
});

describe("indexes", () => {
  test("that were copied before are taken, not made again", async () => {
    await plainTables();
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
    await plainTables();
    await db.query("create table aside.other (_id bytea constraint logs_pkey primary key)");
    await db.query(REPLACE);
    await db.query(TAKE_BACK);
    expect((await db.query("select indexname from pg_indexes where schemaname = 'ds'")).rows).toEqual([
      { indexname: "logs_pkey" },
    ]);
  });

  test("that are invalid are left behind", async () => {
    await plainTables();
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
  await plainTables();
  await db.query("alter table ds.logs add constraint c check (amount > 0)");
  const copied = async () => {
    await db.query("select ampsync_private.copy_checks('ds.logs', 'aside.new')");
    return (
      await db.query(
        "select oid, conname from pg_constraint where conrelid = 'aside.new'::regclass and contype = 'c'",
      )
    ).rows;
  };
  const first = await copied();
  expect(first).toMatchObject([{ conname: "c" }]);
  expect(await copied()).toEqual(first);
  await db.query(REPLACE);
  const { rows } = await db.query(
    "select oid, conname from pg_constraint where conrelid = 'ds.logs'::regclass and contype = 'c'",
  );
  expect(rows).toEqual(first);
});

describe("what does not fit the new table is refused with its reason, nothing is changed, and the hint removes it:", () => {
  test.each([
    [
      "a view",
      "create view ds.v as select amount & 1 from ds.logs",
      "view ds.v",
      "operator does not exist: numeric & integer",
      "drop view ds.v;",
    ],
    [
      "a CHECK that its rows violate",
      "alter table ds.logs add constraint c check (amount < 4)",
      "constraint c on table ds.logs",
      'check constraint "c" of relation "logs" is violated by some row',
      "alter table ds.logs drop constraint c;",
    ],
    [
      "a unique index",
      "create unique index u on ds.logs (note, amount)",
      "index ds.u",
      'could not create unique index "ampsync_N"',
      "drop index ds.u;",
    ],
    [
      "a policy",
      "create policy p on ds.logs using (amount & 1 = 0)",
      "policy p on table ds.logs",
      "operator does not exist: numeric & integer",
      "drop policy p on ds.logs;",
    ],
    [
      "a rule",
      "create rule r as on delete to ds.logs where old.amount & 1 = 0 do instead nothing",
      "rule r on table ds.logs",
      "operator does not exist: numeric & integer",
      "drop rule r on ds.logs;",
    ],
    [
      "a function",
      "create function ds.f() returns int language sql begin atomic select max(amount) & 1 from ds.logs; end",
      "function ds.f()",
      "operator does not exist: numeric & integer",
      "drop function ds.f();",
    ],
  ])("%s", async (_, sql, object, reason, hint) => {
    await plainTables();
    await db.query("update aside.new set amount = 0 where amount < 3");
    await db.query(sql);
    const before = await describeTable(db, "ds.logs");
    const error = await refusal(db, REPLACE);
    expect(error).toMatchObject({
      code: "SY201",
      message: `table ds.logs cannot be replaced: ${object} does not fit the new table`,
      hint,
    });
    expect(error.detail?.replace(/ampsync_\d+/, "ampsync_N")).toBe(`${reason}. Nothing was changed.`);
    expect(await describeTable(db, "ds.logs")).toEqual(before);
    await db.query(hint);
    await db.query(REPLACE);
  });
});

describe("a worker that is no superuser", () => {
  /** From here on the session is one of role `w`, which owns both tables and their schemas. */
  async function asWorker(): Promise<void> {
    await db.query(`create role w; grant usage on schema ampsync_private to w;
      grant execute on all routines in schema ampsync_private to w;
      alter schema ds owner to w; alter schema aside owner to w;
      alter table ds.logs owner to w; alter table aside.new owner to w; set local session authorization w`);
  }

  test("keeps what roles granted that it may not act as, in its own name", async () => {
    await plainTables();
    await db.query(`create role lender; create role reader; grant usage on schema ds to lender;
      grant select on ds.logs to lender with grant option; set local role lender;
      grant select on ds.logs to reader; reset role`);
    await asWorker();
    await db.query(REPLACE);
    const { rows } = await db.query(`select e.grantee::regrole::text as to, e.grantor::regrole::text as by
      from pg_class c, aclexplode(c.relacl) e
      where c.oid = 'ds.logs'::regclass and e.privilege_type = 'SELECT' order by 1`);
    expect(rows).toEqual([
      { to: "lender", by: "w" },
      { to: "reader", by: "w" },
      { to: "w", by: "w" },
    ]);
    expect((await db.query("select current_user::text as role")).rows).toEqual([{ role: "w" }]);
  });

  test.each([
    [
      "a view",
      "create view public.v as select note from ds.logs; alter view public.v owner to other",
      "view public.v",
    ],
    [
      "a view that is to be created again",
      "create view public.v as select amount from ds.logs; alter view public.v owner to other",
      "view public.v",
    ],
    [
      "a publication",
      "create publication p for table ds.logs; grant create on database {db} to other; alter publication p owner to other",
      "publication of table ds.logs in publication p",
    ],
    [
      "a policy of a table",
      `create table public.t (note text); create policy p on public.t using (note in (select note from ds.logs));
       alter table public.t owner to other`,
      "policy p on table public.t",
    ],
    [
      "a function",
      `create function public.f() returns text language sql begin atomic select max(note) from ds.logs; end;
       alter function public.f() owner to other`,
      "function public.f()",
    ],
  ])("is told which role owns %s that it has to define anew", async (_, sql, object) => {
    await plainTables();
    await db.query(`create role other; grant usage on schema ds to other; grant select on ds.logs to other;
                    grant create on schema public to other`);
    await db.query(sql.replace("{db}", db.name));
    await asWorker();
    const error = await refusal(db, REPLACE);
    expect(error).toMatchObject({
      code: "SY201",
      detail: `${object} belongs to other. Nothing was changed.`,
      hint: "grant other to w;",
    });
    await db.query(`reset session authorization; ${error.hint}; set local session authorization w`);
    await db.query(REPLACE);
  });
});
