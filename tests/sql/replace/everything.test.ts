import pg from "pg";
import { describe, expect, test } from "vitest";

import { describeTable } from "../../support/postgres/describe-table.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";

const db = rolledBackDatabase();

/** How a name of the test is spelled in the database. */
type Spelling = (name: string) => string;

const SPELLINGS: readonly [string, Spelling][] = [
  ["plain names", (name) => name],
  ["hostile names", (name) => `${name} ON "' USING (%I)`],
];

/** `{name}` stands for an identifier, quoted; `{'name}` for the same within a string. */
function spelled(spelling: Spelling, sql: string): string {
  return sql.replaceAll(/\{('?)(\w+)\}/g, (_, quote: string, name: string) => {
    const identifier = pg.escapeIdentifier(spelling(name));
    return quote === "" ? identifier : identifier.replaceAll("'", "''");
  });
}

/** A target with one of everything that may hang on a table. Column `gone` is the one that a new version lacks. */
const EVERYTHING = `
  create role {owner}; create role {reader}; create role {lender}; create role {borrower}; create role {others};
  create schema {ds};
  create table {ds}.{logs} (
    _id bytea not null primary key,
    _block_num_start bigint not null,
    _block_num_end bigint not null,
    _block_num bigint not null,
    {address} bytea not null,
    {gone} text,
    {amount} integer not null,
    {note} text
  ) with (autovacuum_vacuum_scale_factor = 0.01, toast.vacuum_truncate = off, fillfactor = 90);
  alter table {ds}.{logs} alter {note} set storage external, alter {note} set statistics 300,
    alter {note} set (n_distinct = -0.5), alter {note} set default 'none', alter {address} set compression pglz;
  comment on table {ds}.{logs} is 'all logs {'logs}';
  comment on column {ds}.{logs}.{address} is 'who said it';
  comment on column {ds}.{logs}.{gone} is 'soon gone';

  create index {on_block} on {ds}.{logs} (_block_num);
  create index {on_address} on {ds}.{logs} using btree ({address}, _block_num desc nulls last) include ({note})
    with (fillfactor = 70) where {amount} > 0;
  create index {on_expression} on {ds}.{logs} (lower({note}) collate "C" text_pattern_ops, ({amount} + 1));
  alter index {ds}.{on_expression} alter column 2 set statistics 77;
  create unique index {unique_note} on {ds}.{logs} (_id, {note});
  create index {twin_1} on {ds}.{logs} (_block_num_end); create index {twin_2} on {ds}.{logs} (_block_num_end);
  create index {on_gone} on {ds}.{logs} ({gone});
  comment on index {ds}.{on_address} is 'an index';
  comment on index {ds}.{twin_2} is 'the second';
  alter table {ds}.{logs} add constraint {unique_block} unique (_id, _block_num) include ({amount}) with (fillfactor = 60) deferrable;
  alter table {ds}.{logs} add constraint {unique_gone} unique (_id, {gone});
  alter table {ds}.{logs} add constraint {gone_once} exclude using btree (lower({gone}) with =);
  alter table {ds}.{logs} add constraint {no_overlap} exclude using btree (_id with =) where ({amount} > 10);
  alter table {ds}.{logs} add constraint {positive} check ({amount} >= 0);
  alter table {ds}.{logs} add constraint {later} check (length({note}) < 1000) no inherit not valid;
  alter table {ds}.{logs} add constraint {gone_fits} check (length({gone}) < _block_num);
  comment on constraint {positive} on {ds}.{logs} is 'never less';
  comment on constraint {unique_block} on {ds}.{logs} is 'one each';
  create unique index {identity} on {ds}.{logs} (_block_num, _id);
  alter table {ds}.{logs} replica identity using index {identity};
  alter table {ds}.{logs} cluster on {on_block};
  create statistics {ds}.{correlated} (dependencies, mcv) on {address}, {note} from {ds}.{logs};
  create statistics {ds}.{of_gone} on {gone}, {note} from {ds}.{logs};
  alter statistics {ds}.{correlated} set statistics 55;
  alter statistics {ds}.{correlated} owner to {owner};
  comment on statistics {ds}.{correlated} is 'both';

  create table {alerts} ({address} bytea, text text);
  alter table {alerts} enable row level security;
  create policy {known} on {alerts} using (exists (select from {ds}.{logs} l where l.{address} = {alerts}.{address}))
    with check ({address} in (select {address} from {ds}.{logs}));
  create rule {remember} as on delete to {alerts} do also update {ds}.{logs} set {note} = 'alert' where {address} = old.{address};
  alter table {ds}.{logs} enable row level security;
  create policy {own} on {ds}.{logs} for select to {reader}, {borrower}
    using ({note} = current_user and exists (select from {alerts} a where a.{address} = {logs}.{address}));
  create policy {strict} on {ds}.{logs} as restrictive for insert with check ({amount} > (select min({amount}) from {ds}.{logs}));
  create policy {to_others} on {ds}.{logs} to {others} using (true);
  comment on policy {own} on {ds}.{logs} is 'only theirs';

  create publication {named} for table {ds}.{logs} (_id, _block_num, {address}) where (_block_num > 5);
  create publication {whole} for table {ds}.{logs};
  create publication {of_schema} for tables in schema {ds};
  create publication {of_all} for all tables;

  create function {watch}() returns trigger language plpgsql as 'begin return null; end';
  create trigger {after_insert} after insert on {ds}.{logs} referencing new table as added
    for each statement execute function {watch}('{'logs}');
  create trigger {on_update} after update of {note} on {ds}.{logs} for each row when (old.{amount} > new.{amount})
    execute function {watch}();
  create constraint trigger {at_commit} after insert on {ds}.{logs} deferrable initially deferred
    for each row execute function {watch}();
  alter table {ds}.{logs} disable trigger {on_update}, enable always trigger {at_commit};
  comment on trigger {on_update} on {ds}.{logs} is 'watched';
  create rule {no_truth} as on update to {ds}.{logs} where new.{amount} < 0 do instead select count(*) from {ds}.{logs};
  alter table {ds}.{logs} disable rule {no_truth};
  comment on rule {no_truth} on {ds}.{logs} is 'a rule';

  create view {of_note} with (security_barrier = true, security_invoker = true) as
    select {address} as {sender}, {note}, count(*) over () as {total} from {ds}.{logs} where {note} is not null;
  create view {on_top} as select n.{sender}, a.text from {of_note} n left join {alerts} a on a.{address} = n.{sender};
  create materialized view {material} as select * from {on_top};
  create view {of_amount} with (check_option = 'local') as select _id, {amount}, {note} from {ds}.{logs} where _block_num > 0;
  alter view {of_amount} alter {note} set default 'from the view';
  create view {of_amounts} as with recursive {r}(n) as (select 0 union select n + 1 from {r} where n < 3)
    select sum({amount}) as {sum}, o.{note} from {of_amount} o, {r} group by {note};
  create view {both} as select s.{sum}, o.{amount}, row_to_json(l) as {line} from {of_amounts} s, {of_amount} o, {ds}.{logs} l;
  comment on view {of_amount} is 'amounts';
  comment on column {of_amount}.{amount} is 'how much';
  create trigger {instead} instead of delete on {of_amount} for each row execute function {watch}();
  comment on trigger {instead} on {of_amount} is 'in its place';
  create rule {of_view} as on update to {of_amounts} do instead nothing;
  comment on rule {of_view} on {of_amounts} is 'nothing';
  create function {standard}(p text) returns bigint language sql begin atomic
    select count(*) from {ds}.{logs} where {note} = p; end;
  alter function {standard} owner to {owner};

  grant usage, create on schema {ds} to {owner}; grant usage on schema {ds} to {lender}, {borrower};
  grant create on schema public to {owner};
  alter table {ds}.{logs} owner to {owner};
  alter view {of_amount} owner to {owner};
  revoke update on {ds}.{logs} from {owner};
  grant select on {ds}.{logs} to {reader}, public;
  grant select, insert on {ds}.{logs} to {lender} with grant option;
  grant update ({note}, {gone}), select ({gone}) on {ds}.{logs} to {reader};
  set local role {lender};
  grant select, insert on {ds}.{logs} to {borrower} with grant option;
  set local role {borrower};
  grant insert on {ds}.{logs} to {reader}, {others};
  reset role;
  grant select on {of_amount}, {of_note} to {reader} with grant option;
  grant update ({amount}) on {of_amount} to {borrower};
  grant select on {both} to public;`;

/** What a new version loaded: without \`gone\`, with other columns, in another order and with other types. */
const NEW_TABLE = `
  create schema {aside};
  create table {aside}.{shadow_1} (
    _id bytea not null primary key,
    _block_num_start bigint not null,
    _block_num_end bigint not null,
    _block_num bigint not null,
    {fresh} text,
    {address} bytea not null,
    {amount} numeric(20) not null,
    {note} text
  ) with (autovacuum_analyze_scale_factor = 0.02);
  comment on table {aside}.{shadow_1} is 'new';
  comment on column {aside}.{shadow_1}.{fresh} is 'fresh';
  alter default privileges in schema public grant select on tables to {lender};`;

async function replace(spelling: Spelling, old: string, table: string, keep: string): Promise<void> {
  await db.query("select ampsync_private.replace_target($1, $2, $3, $4)", [
    spelled(spelling, old),
    spelled(spelling, table),
    spelling("aside"),
    spelling(keep),
  ]);
}

/** PostgreSQL writes constants beside a column of type numeric with a cast, and keeps it from then on. */
function withoutCasts(facts: readonly string[]): readonly string[] {
  return facts.map((fact) => fact.replaceAll(/\((\d+|new\.(?:\w+|"(?:[^"]|"")*"))\)::numeric/g, "$1"));
}

/** What becomes of a column that has another type in the new table. */
function asNumeric(fact: string): string {
  return fact
    .replace(/(column amount.*) integer (.*) storage p/, "$1 numeric(20,0) $2 storage m")
    .replace(/(column sum.*) bigint (.*) storage p/, "$1 numeric $2 storage m");
}

describe.each(SPELLINGS)("everything that hangs on a table, with %s,", (_, spelling) => {
  test("hangs on the one that replaces it, and again on the old one when that comes back", async () => {
    await db.query(spelled(spelling, EVERYTHING));
    await db.query(spelled(spelling, NEW_TABLE));
    const logs = spelled(spelling, "{ds}.{logs}");
    const before = await describeTable(db, logs);

    await replace(spelling, "{ds}.{logs}", "{aside}.{shadow_1}", "former_1");
    const after = await describeTable(db, logs);
    expect(withoutCasts(after.filter((fact) => !/\bfresh\b/.test(fact)))).toEqual(
      before
        .filter((fact) => !/\b(gone|of_gone|on_gone|unique_gone|gone_fits|gone_once)\b/.test(fact))
        .map(asNumeric),
    );

    await replace(spelling, "{ds}.{logs}", "{aside}.{former_1}", "former_1");
    expect(withoutCasts(await describeTable(db, logs))).toEqual(before);
  });
});
