import type { FormCase } from "./form-cases.ts";

const REWRITE = "alter table {t} alter column w type int using w + 100";

/** New files and new records of columns, of which WAL does not tell. */
export const REWRITE_CASES: readonly FormCase[] = [
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
];
