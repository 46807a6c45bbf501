import {
  type Check,
  type Checked,
  count,
  kinds,
  list,
  named,
  object,
  orNull,
  pair,
  text,
  uuid,
  word,
} from "./shape-of.ts";

/** The bound columns of one instance and their values as text; null: the whole table. */
const where = orNull(named(text));

const table = { table: text };
/** `rows` and `keys` are JSON text, which the database parses and nobody before it. */
const upsert = object({ op: word("upsert"), ...table, rows: text });
/** All rows have the same columns: those of `columns`, the key among them. */
const update = object({ op: word("update"), ...table, columns: list(text), rows: text });
/** Each key is the list of the texts of its columns, in their order. */
const remove = object({ op: word("delete"), ...table, keys: text });
const truncate = object({ op: word("truncate"), ...table });
/** Blocks, both ends inclusive, whose rows are replaced by those of `copy`; null: everything from there on. */
const blocks = object({
  op: word("blocks"),
  ...table,
  ranges: list(pair(count, orNull(count))),
  copy: text,
  trim: orNull(count),
});
const dataset = object({
  op: word("dataset"),
  dataset: text,
  cut: orNull(count),
  tables: named(orNull(count)),
});
/** Either the snapshots whose chunks are in the stage, or the rows themselves. */
const load = object({ op: word("load"), ...table, snapshots: orNull(list(text)), rows: orNull(text), where });
const drop = object({ op: word("drop"), ...table, where });
const migrate = object({
  op: word("migrate"),
  version: text,
  migration: orNull(text),
  direction: orNull(word("up", "down")),
  statements: list(text),
  tables: list(text),
});
/**
 * A transaction of this client is in the log. `rows`: those that it has but for some columns, [{"table", "key", "set"}], as JSON text:
 * each becomes what the server had, what was sent, and `set`. `tables`: of these rows.
 */
const own = object({ op: word("own"), tx: uuid, tables: list(text), rows: text });
/** What the server's table holds at this position, by which a client finds whether its own holds the same. */
const check = object({
  op: word("check"),
  ...table,
  id: text,
  /** The server's time. */
  at: text,
  columns: list(text),
  low: orNull(count),
  /** Null: the table could not be compared, and `why`. */
  rows: orNull(count),
  sum: orNull(text),
  why: orNull(text),
});

export type Op =
  | Checked<typeof upsert>
  | Checked<typeof update>
  | Checked<typeof remove>
  | Checked<typeof truncate>
  | Checked<typeof blocks>
  | Checked<typeof dataset>
  | Checked<typeof load>
  | Checked<typeof drop>
  | Checked<typeof migrate>
  | Checked<typeof own>
  | Checked<typeof check>;

type Table = { readonly [O in Op["op"]]: Check<Extract<Op, { op: O }>> };
const ops: Table = {
  upsert,
  update,
  delete: remove,
  truncate,
  blocks,
  dataset,
  load,
  drop,
  migrate,
  own,
  check,
};

export const op: Check<Op> = kinds<Op>("op", ops);
