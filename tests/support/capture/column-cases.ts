import type { FormCase } from "./form-cases.ts";

const TEXTS = "insert into {t} (id, v) values (1, 'start'), (2, 'start')";
const MOOD = "create type {s}.mood_{n} as enum ('sad', 'glad')";

/** What may become of columns: added, dropped, renamed, of another type, default or expression. */
export const COLUMN_CASES: readonly FormCase[] = [
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
];
