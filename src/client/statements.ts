import type { Reader } from "./database.ts";

/** A column as the client's own table has it: type as `format_type` spells it, name as the table has it. */
export interface Column {
  readonly name: string;
  readonly type: string;
}

/** A table as statements name it; `columns` are those that rows and COPY hold, in that order. */
export interface Table {
  readonly name: string;
  readonly columns: readonly Column[];
  readonly key: readonly Column[];
  /** Of a dataset: tells the block of a row. */
  readonly blockColumn: string | null;
}

/** Stands in SQL for one value, a text. No SQL holds it otherwise. */
export const VALUE = "\0";

/** SQL and its values, in their order. Rows are one text: the database parses them, and nobody before it. */
export interface Statement {
  readonly sql: string;
  readonly values: readonly (string | null)[];
}

/** A statement with parameters is six messages to the database, each with its price; one without is two. */
const SHORT = 16_384;

/** Runs a statement; what is short stands within it. */
export async function run<T>(tx: Reader, { sql, values }: Statement): Promise<T[]> {
  const parts = sql.split(VALUE);
  const join = (of: (at: number) => string) =>
    parts.map((part, at) => (at === 0 ? part : `${of(at - 1)}::text${part}`)).join("");
  const length = values.reduce((sum, value) => sum + (value?.length ?? 0), 0);
  if (length > SHORT) {
    return (
      await tx.query<T>(
        join((at) => `$${at + 1}`),
        [...values],
      )
    ).rows;
  }
  const [result] = await tx.exec(join((at) => literal(values[at] ?? null)));
  return (result?.rows ?? []) as T[];
}

/** Bound columns of one instance with their values as text; null: the whole table. */
export type Where = Readonly<Record<string, string>> | null;

export function upsert(table: Table, rows: string): Statement {
  return { sql: `${insert(table)} ${fromRows(table.columns, "r ->> ")} ${orUpdate(table)}`, values: [rows] };
}

/** `columns`: what the rows hold, the key among it. The key itself never changes here. */
export function update(table: Table, columns: readonly Column[], rows: string): Statement {
  const set = columns.filter((column) => !isKey(table, column));
  const sets = set.map(({ name }) => `${quote(name)} = v.${quote(name)}`).join(", ");
  return {
    sql: `update ${table.name} t set ${sets} from (${fromRows(columns, "r ->> ")}) v where ${sameKey(table)}`,
    values: [rows],
  };
}

export function remove(table: Table, keys: string): Statement {
  const columns = table.key.map(({ name, type }, index) => `(r ->> ${index})::${type} as ${quote(name)}`);
  return {
    sql: `delete from ${table.name} t using (select ${columns.join(", ")} ${each}) v where ${sameKey(table)}`,
    values: [keys],
  };
}

/** Never TRUNCATE: who follows the table would not see it. */
export function clear(table: Table, where: Where): Statement {
  const bound = Object.entries(where ?? {});
  const terms = bound.map(([name]) => {
    const column = table.columns.find((other) => other.name === name);
    if (column === undefined) throw new Error(`${table.name} has no column ${name}`);
    return `${quote(name)} = ${VALUE}::${column.type}`;
  });
  const only = terms.length === 0 ? "" : ` where ${terms.join(" and ")}`;
  return { sql: `delete from ${table.name}${only}`, values: bound.map(([_, value]) => value) };
}

/** Both ends are blocks, inclusive; null: everything from there on. */
export function removeBlocks(table: Table, from: bigint, to: bigint | null): Statement {
  const first = from < 0n ? 0n : from;
  const { name, blockColumn } = table;
  if (blockColumn === "_id") {
    // Two-sided, so that the planner takes the primary key also where the table was never analyzed.
    return {
      sql: `delete from ${name} where _id >= ${VALUE}::bytea and _id < ${VALUE}::bytea`,
      values: [blockPrefix(first), to === null ? "\\xffffffffffffff" : blockPrefix(to + 1n)],
    };
  }
  if (blockColumn === null) throw new Error(`${name} has no blocks`);
  return {
    sql: `delete from ${name} where ${quote(blockColumn)} between ${VALUE}::bigint and ${VALUE}::bigint`,
    values: [String(first), String(to ?? 2n ** 63n - 1n)],
  };
}

/** The stage may hold texts: then they become what the columns are. */
export function fromStage(table: Table, stage: string): Statement {
  const values = table.columns.map(({ name, type }) => `${quote(name)}::${type}`).join(", ");
  return { sql: `${insert(table)} select ${values} from ${stage} ${orUpdate(table)}`, values: [] };
}

export function copyInto(target: string, columns: readonly string[]): string {
  return `copy ${target} (${columns.map(quote).join(", ")}) from '/dev/blob'`;
}

export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** `_id` begins with the block: six bytes, the highest first. */
function blockPrefix(block: bigint): string {
  return `\\x${(block < 0n ? 0n : block).toString(16).padStart(12, "0")}`;
}

const each = `from jsonb_array_elements(${VALUE}::jsonb) r`;

function fromRows(columns: readonly Column[], get: string): string {
  const values = columns.map(({ name, type }) => `(${get}${literal(name)})::${type} as ${quote(name)}`);
  return `select ${values.join(", ")} ${each}`;
}

function insert(table: Table): string {
  return `insert into ${table.name} (${table.columns.map(({ name }) => quote(name)).join(", ")})`;
}

function orUpdate(table: Table): string {
  const rest = table.columns.filter((column) => !isKey(table, column));
  const key = table.key.map(({ name }) => quote(name)).join(", ");
  const sets = rest.map(({ name }) => `${quote(name)} = excluded.${quote(name)}`).join(", ");
  return `on conflict (${key}) do ${rest.length === 0 ? "nothing" : `update set ${sets}`}`;
}

function sameKey(table: Table): string {
  return table.key.map(({ name }) => `t.${quote(name)} = v.${quote(name)}`).join(" and ");
}

const isKey = (table: Table, column: Column): boolean => table.key.some(({ name }) => name === column.name);
const literal = (text: string | null): string => {
  if (text === null) return "null";
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes("\\") ? `E${quoted.replaceAll("\\", "\\\\")}` : quoted;
};
