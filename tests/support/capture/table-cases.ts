import type { FormCase } from "./form-cases.ts";

const GENERATED = "create table {t} (id int primary key, v text, w int generated always as (id * 2) stored)";
const INCLUDING = "create table {t} (id int, v text, w int, primary key (id) include (w))";
const TEXTS = "insert into {t} (id, v) values (1, 'start'), (2, 'start')";

/** What may become of a table itself: its name, its key, what inherits from it. */
export const TABLE_CASES: readonly FormCase[] = [
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
];
