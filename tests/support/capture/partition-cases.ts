import type { FormCase } from "./form-cases.ts";

const PARTITIONED = `
  create table {t} (id int primary key, v text, w int) partition by range (id);
  create table {t}_1 partition of {t} for values from (0) to (100);
  create table {t}_2 partition of {t} for values from (100) to (200);
  insert into {t} values (101, 'start', 1), (102, 'start', 2)`;

/** A table with a row, to become a partition. */
const APART = `create table {t}_3 (id int primary key, v text, w int);
  alter table {t}_3 replica identity full;
  insert into {t}_3 values (201, 'apart', 1)`;

const ATTACH = "alter table {t} attach partition {t}_3 for values from (200) to (300)";
const DETACH = "alter table {t} detach partition {t}_2";
const ATTACH_2 = "alter table {t} attach partition {t}_2 for values from (100) to (200)";
const REWRITE = "alter table {t} alter column w type int using w + 100";

/** What may become of partitions, and of a table that has some. */
export const PARTITION_CASES: readonly FormCase[] = [
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
