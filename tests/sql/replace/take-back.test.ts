import { describe, expect, test } from "vitest";

import { describeTable } from "../../support/postgres/describe-table.ts";
import { plainTables, REPLACE, TAKE_BACK } from "../../support/postgres/replaced-table.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";

const db = rolledBackDatabase();

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
    await plainTables(db);
    await db.query("alter table aside.new alter amount type integer, drop fresh");
    await db.query(first);
    await db.query(REPLACE);
    await db.query(change);
    const changed = await describeTable(db, "ds.logs");
    await db.query(TAKE_BACK);
    expect(await describeTable(db, "ds.logs")).toEqual(changed);
  });
});
