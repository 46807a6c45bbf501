import { describe, expect, test } from "vitest";

import { describeTable } from "../../support/postgres/describe-table.ts";
import { plainTables, REPLACE, TAKE_BACK } from "../../support/postgres/replaced-table.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";

const db = rolledBackDatabase();

test("a view whose columns keep their types stays the same view, with whatever depends on it", async () => {
  await plainTables(db);
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

test("a view of a column with a collation of its own is created again", async () => {
  await plainTables(db);
  await db.query(
    `alter table ds.logs alter note type text collate "C"; create view ds.notes as select note from ds.logs`,
  );
  await db.query(REPLACE);
  expect((await db.query("select from ds.notes")).rowCount).toBe(4);
});

test("policies, triggers and rules that the new table has do not count", async () => {
  await plainTables(db);
  await db.query(`create policy p on ds.logs using (amount > 0); create policy p on aside.new using (false);
                  create rule r as on delete to aside.new do instead nothing;
                  create function ds.f() returns trigger language plpgsql as 'begin end';
                  create trigger t after insert on aside.new execute function ds.f()`);
  await db.query(REPLACE);
  expect((await db.query("select policyname, qual from pg_policies where tablename = 'logs'")).rows).toEqual([
    { policyname: "p", qual: "(amount > (0)::numeric)" },
  ]);
  expect((await db.query("select tgname from pg_trigger where tgrelid = 'ds.logs'::regclass")).rows).toEqual(
    [],
  );
  expect((await db.query("select rulename from pg_rules where tablename = 'logs'")).rows).toEqual([]);
});

test("a name that is taken aside is told by PostgreSQL", async () => {
  await plainTables(db);
  await db.query("create table aside.old ()");
  expect(await refusal(db, REPLACE)).toMatchObject({ code: "42P07" });
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
    await plainTables(db);
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
    await plainTables(db);
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
    await plainTables(db);
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
