import { Field, Schema, Uint64 } from "apache-arrow";

import type { Catalog } from "../catalog.ts";
import type { Generation } from "../misbehaviour.ts";
import type { Source } from "../source.ts";
import { resolveReference } from "./reference.ts";
import { internal, invalidArgument, type Refusal } from "./refusal.ts";
import { type BlockFilter, type NonIncremental, parseQuery, type SqlQuery } from "./sql-query.ts";

/** A parsed statement: the source that answers it, and the schema of the answer. */
export type Plan = {
  readonly source: Source;
  readonly table: string;
  readonly schema: Schema;
  /** Operations that are refused in a stream, but not elsewhere. */
  readonly nonIncremental: NonIncremental | null;
  readonly ordersByBlock: boolean;
  readonly blocks: BlockFilter | null;
  readonly streamSetting: boolean | null;
} & (
  | { readonly kind: "rows" /** Positions in the table's schema. */; readonly columns: readonly number[] }
  | { readonly kind: "head" }
);

export type RowsPlan = Plan & { readonly kind: "rows" };

export function planQuery(sql: string, catalog: Catalog, generation: Generation): Plan {
  const query = parseQuery(sql);
  const source = resolveReference(query.schema, catalog, generation)?.source;
  const table = source?.tables.get(query.table);
  if (source === undefined || table === undefined) {
    throw unknown(`Error during planning: table 'amp.${query.schema}.${query.table}' not found`);
  }
  const { nonIncremental, ordersByBlock, blocks, streamSetting } = query;
  const common = { source, table: query.table, nonIncremental, ordersByBlock, blocks, streamSetting };
  const [first] = query.select;
  if (query.select.length === 1 && first?.kind === "aggregate") {
    if (first.name !== "max" || first.argument !== "_block_num") {
      throw invalidArgument(`planning error | Caused by: ${first.name}(${first.argument}) is not supported`);
    }
    const name = `max(${query.schema}.${query.table}._block_num)`;
    return { ...common, kind: "head", schema: new Schema([new Field(name, new Uint64(), true)]) };
  }
  const columns = selectedColumns(query, table);
  return { ...common, kind: "rows", columns, schema: new Schema(columns.map((at) => table.fields[at]!)) };
}

function selectedColumns(query: SqlQuery, table: Schema): readonly number[] {
  const columns = query.select.flatMap((item) => {
    switch (item.kind) {
      case "all":
        return [...table.fields.keys()];
      case "column": {
        const at = table.fields.findIndex((field) => field.name === item.name);
        if (at === -1) {
          const valid = table.fields.map(({ name }) => `${query.table}.${name}`).join(", ");
          throw unknown(`Schema error: No field named ${item.name}. Valid fields are ${valid}.`);
        }
        return at;
      }
      case "aggregate":
        throw invalidArgument("planning error | Caused by: an aggregate must be selected alone");
      default:
        throw item satisfies never;
    }
  });
  if (new Set(columns).size < columns.length) {
    throw invalidArgument("planning error | Caused by: duplicate output names");
  }
  return columns;
}

/** The error by which servers of 2026 report an unknown dataset, version, table or column. */
function unknown(cause: string): Refusal {
  return internal(`failed to infer SQL output schema | Caused by: ${cause}`);
}
