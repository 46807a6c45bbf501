/** What becomes of a published table: what its followers see of a change. */
export type Outcome = "nothing" | "added" | "found" | "renamed" | "floor" | "failed" | "ended";

export interface FormCase {
  readonly name: string;
  readonly outcome: Outcome;
  /** The entry stands between the rows of before and after, if there are such: Relation messages tell of it. */
  readonly exact?: boolean;
  /** `{t}` is the table, `{s}` its schema, `{n}` its name. By default `(id int primary key, v text, w int)`. */
  readonly create?: string;
  /** Its first rows. */
  readonly rows?: string;
  /** One statement each, as a user runs them; `look` is one by the supervisor. */
  readonly ddl: readonly string[];
  /** Written before and after it; null: nothing. */
  readonly before?: string;
  readonly after?: string | null;
  /** From this major version on. */
  readonly from?: number;
}

const PARTITIONED = `
  create table {t} (id int primary key, v text, w int) partition by range (id);
  create table {t}_1 partition of {t} for values from (0) to (100);
  create table {t}_2 partition of {t} for values from (100) to (200);
  insert into {t} values (101, 'start', 1), (102, 'start', 2)`;

/** A table with a row, to become a partition. */
const APART = `create table {t}_3 (id int primary key, v text, w int);
  alter table {t}_3 replica identity full;
  insert into {t}_3 values (201, 'apart', 1)`;

const GENERATED = "create table {t} (id int primary key, v text, w int generated always as (id * 2) stored)";
const INCLUDING = "create table {t} (id int, v text, w int, primary key (id) include (w))";
const TEXTS = "insert into {t} (id, v) values (1, 'start'), (2, 'start')";
const MOOD = "create type {s}.mood_{n} as enum ('sad', 'glad')";
const ATTACH = "alter table {t} attach partition {t}_3 for values from (200) to (300)";
const DETACH = "alter table {t} detach partition {t}_2";
const ATTACH_2 = "alter table {t} attach partition {t}_2 for values from (100) to (200)";
const REWRITE = "alter table {t} alter column w type int using w + 100";

/** Every row of what a change of form may be. */
export const FORM_CASES: readonly FormCase[] = [
  { name: "column_added", outcome: "added", exact: true, ddl: ["alter table {t} add column x int"] },
  {
    name: "column_added_with_default",
    outcome: "added",
    exact: true,
    ddl: ["alter table {t} add column x text default 'it''s'"],
  },
  {
    name: "default_of_added_column_changed",
    outcome: "added",
    exact: true,
    ddl: ["alter table {t} add column x int default 5", "alter table {t} alter x set default 6"],
  },
  {
    name: "default_of_added_column_dropped",
    outcome: "added",
    exact: true,
    ddl: ["alter table {t} add column x int[] default '{1,2}'", "alter table {t} alter x drop default"],
  },
  {
    name: "column_added_with_default_of_domain",
    outcome: "added",
    exact: true,
    ddl: ["create domain {s}.d_{n} as int default 7", "alter table {t} add column x {s}.d_{n}"],
  },
  {
    name: "two_columns_added",
    outcome: "added",
    exact: true,
    ddl: [
      "alter table {t} add column x int default 1",
      "alter table {t} add column y int not null default 2",
    ],
  },
  {
    name: "column_added_not_null",
    outcome: "added",
    exact: true,
    ddl: ["alter table {t} add column x text not null default 'a'"],
  },
  {
    name: "columns_added_apart",
    outcome: "floor",
    exact: true,
    ddl: [
      "alter table {t} add column x int default 1",
      "insert into {t} values (15, 'between', 1)",
      "alter table {t} add column y int default 2",
    ],
  },
  {
    name: "volatile_default",
    outcome: "floor",
    ddl: ["alter table {t} add column x float8 default random()"],
  },
  {
    name: "volatile_default_dropped_again",
    outcome: "floor",
    ddl: ["alter table {t} add column x float8 default random()", "alter table {t} alter x drop default"],
  },
  {
    name: "added_dropped_added",
    outcome: "floor",
    ddl: [
      "alter table {t} add column x int default 1",
      "alter table {t} drop column x",
      "alter table {t} add column x int default 2",
    ],
  },
  {
    name: "added_and_truncated",
    outcome: "floor",
    ddl: ["alter table {t} add column x int default 1", "truncate {t}"],
  },
  { name: "column_dropped", outcome: "floor", exact: true, ddl: ["alter table {t} drop column w"] },
  { name: "column_renamed", outcome: "floor", exact: true, ddl: ["alter table {t} rename column w to u"] },
  {
    name: "key_column_renamed",
    outcome: "floor",
    exact: true,
    ddl: ["alter table {t} rename column id to ident"],
    after: "with gone as (delete from {t} where ident = 2) insert into {t} values (20, 'after', 2)",
  },
  {
    name: "column_retyped",
    outcome: "floor",
    exact: true,
    ddl: ["alter table {t} alter column w type bigint"],
  },
  {
    name: "columns_exchanged",
    outcome: "floor",
    exact: true,
    create: "create table {t} (id int primary key, v text, w int, u int default 4)",
    ddl: [
      "alter table {t} rename column w to z",
      "alter table {t} rename column u to w",
      "alter table {t} rename column z to u",
    ],
  },
  { name: "rewritten", outcome: "floor", ddl: [REWRITE] },
  { name: "rewritten_twice", outcome: "floor", ddl: [REWRITE, "look", REWRITE] },
  { name: "rewritten_beside_a_look", outcome: "floor", ddl: ["vacuum full {t}", "look", REWRITE] },
  {
    name: "truncated_then_rewritten",
    outcome: "floor",
    ddl: ["truncate {t}", "insert into {t} values (1, 'again', 5)", REWRITE],
  },
  {
    name: "rewritten_then_truncated",
    outcome: "floor",
    ddl: [REWRITE, "truncate {t}", "insert into {t} values (2, 'again', 5)"],
  },
  { name: "truncated", outcome: "nothing", ddl: ["truncate {t}"] },
  { name: "vacuumed_full", outcome: "nothing", ddl: ["vacuum full {t}"] },
  { name: "clustered", outcome: "nothing", ddl: ["cluster {t} using {n}_pkey"] },
  { name: "analyzed", outcome: "nothing", ddl: ["analyze {t}"] },
  { name: "index_created", outcome: "nothing", ddl: ["create index on {t} (v)"] },
  { name: "statistics_set", outcome: "nothing", ddl: ["alter table {t} alter v set statistics 5"] },
  { name: "column_granted", outcome: "nothing", ddl: ["grant select (v) on {t} to public"] },
  { name: "trigger_added", outcome: "nothing", ddl: ["alter table {t} disable trigger all"] },
  {
    name: "dropped_and_added_again",
    outcome: "floor",
    ddl: ["alter table {t} drop column w", "alter table {t} add column w int"],
  },
  { name: "not_null_set", outcome: "found", ddl: ["alter table {t} alter v set not null"] },
  {
    name: "not_null_dropped",
    outcome: "found",
    create: "create table {t} (id int primary key, v text, w int not null)",
    ddl: ["alter table {t} alter w drop not null"],
  },
  {
    name: "null_before_anybody_looked",
    outcome: "found",
    exact: true,
    create: "create table {t} (id int primary key, v text, w int not null)",
    ddl: ["alter table {t} alter w drop not null"],
    after: "insert into {t} values (20, 'after', null)",
  },
  { name: "default_set", outcome: "found", ddl: ["alter table {t} alter w set default 9"] },
  {
    name: "default_set_and_vacuumed_full",
    outcome: "floor",
    ddl: ["alter table {t} alter w set default 9", "vacuum full {t}"],
  },
  {
    name: "not_null_not_valid",
    outcome: "nothing",
    from: 18,
    ddl: ["alter table {t} add constraint {n}_nn not null v not valid"],
  },
  {
    name: "enum_label_renamed",
    outcome: "floor",
    create: `${MOOD}; create table {t} (id int primary key, v text, w {s}.mood_{n}[] default '{sad}')`,
    rows: TEXTS,
    ddl: ["alter type {s}.mood_{n} rename value 'sad' to 'blue'"],
    before: "insert into {t} (id, v) values (10, 'before')",
    after: "insert into {t} (id, v, w) values (20, 'after', '{blue}')",
  },
  {
    name: "enum_label_added",
    outcome: "nothing",
    create: `${MOOD}; create table {t} (id int primary key, v text, w {s}.mood_{n} default 'sad')`,
    rows: TEXTS,
    ddl: ["alter type {s}.mood_{n} add value 'fine'"],
    before: "insert into {t} (id, v) values (10, 'before')",
    after: "insert into {t} values (20, 'after', 'fine')",
  },
  {
    name: "generated_is_none_now",
    outcome: "floor",
    create: "create table {t} (id int primary key, v text, w int generated always as (id * 2) stored)",
    rows: TEXTS,
    ddl: ["alter table {t} alter w drop expression"],
    before: "insert into {t} (id, v) values (10, 'before')",
  },
  {
    name: "generated",
    outcome: "nothing",
    create: "create table {t} (id int primary key, w int generated always as (id * 2) stored, v text)",
    rows: TEXTS,
    ddl: ["update {t} set v = 'again' where id = 1"],
    before: "insert into {t} (id, v) values (10, 'before')",
  },
  {
    name: "column_added_behind_generated",
    outcome: "added",
    exact: true,
    create: "create table {t} (id int primary key, v text, w int generated always as (id * 2) stored)",
    rows: TEXTS,
    ddl: ["alter table {t} add column x int default 5"],
    before: "insert into {t} (id, v) values (10, 'before')",
  },
  {
    name: "generated_added",
    outcome: "floor",
    ddl: ["alter table {t} add column x int generated always as (w * 2) stored"],
  },
  {
    name: "renamed",
    outcome: "renamed",
    exact: true,
    ddl: ["alter table {t} rename to {n}_new"],
    after: "insert into {t}_new values (20, 'after', 2)",
  },
  {
    name: "renamed_with_a_column",
    outcome: "added",
    exact: true,
    ddl: ["alter table {t} rename to {n}_new", "alter table {t}_new add column x int default 3"],
    after: "insert into {t}_new values (20, 'after', 2)",
  },
  {
    name: "moved_to_another_schema",
    outcome: "renamed",
    ddl: ["create schema {s}_{n}", "alter table {t} set schema {s}_{n}"],
    after: "insert into {s}_{n}.{n} values (20, 'after', 2)",
  },
  {
    name: "exchanged_by_rename",
    outcome: "ended",
    ddl: [
      "create table {t}_b (like {t} including all)",
      "begin; alter table {t} rename to {n}_a; alter table {t}_b rename to {n}; commit",
    ],
  },
  {
    name: "dropped_and_created",
    outcome: "ended",
    ddl: ["drop table {t}", "create table {t} (id int primary key, v text, w int)"],
  },
  { name: "table_dropped", outcome: "ended", ddl: ["drop table {t}"], after: null },
  { name: "key_gone", outcome: "failed", ddl: ["alter table {t} drop constraint {n}_pkey"], after: null },
  {
    name: "key_gone_and_back",
    outcome: "floor",
    ddl: [
      "alter table {t} drop constraint {n}_pkey",
      "look",
      "drain",
      "insert into {t} values (15, 'between', 1)",
      "alter table {t} add primary key (id)",
    ],
  },
  {
    name: "key_changed",
    outcome: "floor",
    ddl: ["alter table {t} drop constraint {n}_pkey", "alter table {t} add primary key (id, v)"],
  },
  {
    name: "key_became_generated",
    outcome: "failed",
    create: GENERATED,
    rows: TEXTS,
    ddl: ["alter table {t} drop constraint {n}_pkey", "alter table {t} add primary key (w)"],
    before: "insert into {t} (id, v) values (10, 'before')",
  },
  {
    name: "key_with_generated_added",
    outcome: "failed",
    ddl: [
      "alter table {t} drop constraint {n}_pkey",
      "alter table {t} add column x int generated always as (id * 2) stored, add primary key (id, x)",
    ],
  },
  {
    name: "key_was_generated_for_a_while",
    outcome: "floor",
    create: GENERATED,
    rows: TEXTS,
    ddl: [
      "alter table {t} drop constraint {n}_pkey",
      "alter table {t} add primary key (id, w)",
      "look",
      "drain",
      "insert into {t} (id, v) values (15, 'between')",
      "alter table {t} alter w drop expression",
    ],
    before: "insert into {t} (id, v) values (10, 'before')",
    after: "insert into {t} values (20, 'after', 2)",
  },
  {
    name: "column_that_the_key_includes_changed",
    outcome: "nothing",
    create: INCLUDING,
    ddl: ["update {t} set w = null where id = 1", "update {t} set w = 3 where id in (1, 2)"],
  },
  {
    name: "column_that_the_key_includes_left_it",
    outcome: "nothing",
    create: INCLUDING,
    ddl: ["alter table {t} drop constraint {n}_pkey", "alter table {t} add primary key (id)"],
    after: "insert into {t} values (20, 'after', null)",
  },
  {
    name: "column_that_the_key_includes_became_key",
    outcome: "floor",
    create: INCLUDING,
    ddl: ["alter table {t} drop constraint {n}_pkey", "alter table {t} add primary key (id, w)"],
    after: "insert into {t} values (20, 'after', 2)",
  },
  {
    name: "type_that_clients_have_not",
    outcome: "failed",
    ddl: ["create type {s}.pair_{n} as (a int, b int)", "alter table {t} add column x {s}.pair_{n}"],
  },
  { name: "inherited", outcome: "failed", ddl: ["create table {t}_child () inherits ({t})"], after: null },
  {
    name: "partition_created",
    outcome: "nothing",
    create: PARTITIONED,
    ddl: ["create table {t}_3 partition of {t} for values from (200) to (300)"],
    after: null,
  },
  { name: "partition_attached", outcome: "floor", create: PARTITIONED, ddl: [APART, ATTACH] },
  { name: "partition_detached", outcome: "floor", create: PARTITIONED, ddl: [DETACH] },
  {
    name: "partition_detached_concurrently",
    outcome: "floor",
    create: PARTITIONED,
    ddl: [`${DETACH} concurrently`],
  },
  { name: "partition_dropped", outcome: "floor", create: PARTITIONED, ddl: ["drop table {t}_2"] },
  { name: "partition_truncated", outcome: "floor", create: PARTITIONED, ddl: ["truncate {t}_2"] },
  { name: "partition_rewritten", outcome: "floor", create: PARTITIONED, ddl: ["vacuum full {t}_2"] },
  {
    name: "detached_changed_attached",
    outcome: "floor",
    create: PARTITIONED,
    ddl: [DETACH, "update {t}_2 set v = 'hidden'", ATTACH_2],
  },
  {
    name: "attached_changed_detached",
    outcome: "floor",
    create: PARTITIONED,
    ddl: [
      APART,
      ATTACH,
      "insert into {t} values (202, 'through', 1)",
      "alter table {t} detach partition {t}_3",
    ],
  },
  { name: "root_truncated", outcome: "nothing", create: PARTITIONED, ddl: ["truncate {t}"] },
  {
    name: "root_then_partition_truncated",
    outcome: "floor",
    create: PARTITIONED,
    ddl: ["truncate {t}", "insert into {t} values (101, 'again', 1)", "truncate {t}_2"],
  },
  {
    name: "root_truncated_and_rewritten",
    outcome: "floor",
    create: PARTITIONED,
    ddl: ["begin; truncate {t}; insert into {t} values (101, 'again', 1); commit", REWRITE],
  },
  {
    name: "root_truncated_and_rewritten_at_once",
    outcome: "floor",
    create: PARTITIONED,
    ddl: [`begin; truncate {t}; insert into {t} values (101, 'again', 1); ${REWRITE}; commit`],
  },
  {
    name: "column_added_to_partitions",
    outcome: "added",
    exact: true,
    create: PARTITIONED,
    ddl: ["alter table {t} add column x int default 5", "alter table {t} alter x set default 6"],
    after: "insert into {t} values (120, 'after', 2, 3)",
  },
  { name: "partitions_rewritten", outcome: "floor", create: PARTITIONED, ddl: [REWRITE] },
  {
    name: "written_in_every_partition",
    outcome: "nothing",
    create: PARTITIONED,
    ddl: ["update {t} set w = 8", "delete from {t} where id in (2, 102)"],
  },
  {
    name: "identity_of_a_partition_weakened",
    outcome: "floor",
    create: PARTITIONED,
    ddl: [
      "alter table {t}_2 replica identity default",
      "update {t} set v = 'weak' where id = 101",
      "delete from {t} where id = 102",
    ],
  },
  {
    name: "added_within_a_transaction",
    outcome: "floor",
    ddl: [
      `begin; insert into {t} values (15, 'between', 1); alter table {t} add column x int default 5;
       alter table {t} alter x drop default; insert into {t} values (16, 'between', 1, 6); commit`,
    ],
  },
  {
    name: "key_column_renamed_within_a_transaction",
    outcome: "floor",
    ddl: [
      `begin; insert into {t} values (15, 'between', 1); alter table {t} rename column id to ident;
       delete from {t} where ident = 15; insert into {t} values (16, 'between', 1); commit`,
    ],
    after: "insert into {t} values (20, 'after', 2)",
  },
  {
    name: "moved_across",
    outcome: "nothing",
    create: PARTITIONED,
    ddl: ["update {t} set id = id + 150 where id = 1"],
  },
  {
    name: "root_renamed",
    outcome: "renamed",
    create: PARTITIONED,
    ddl: ["alter table {t} rename to {n}_new"],
    after: "insert into {t}_new values (20, 'after', 2)",
  },
];

/** Statements of a case for its table. */
export function inTable(text: string, schema: string, name: string): string {
  return text.replaceAll("{t}", `${schema}.${name}`).replaceAll("{s}", schema).replaceAll("{n}", name);
}
