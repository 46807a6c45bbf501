import { AmpsyncError } from "../errors.ts";
import { type ArrowType, typeName } from "../model/arrow-type.ts";

/** The column that a type or a name belongs to. */
export interface Origin {
  readonly table: string;
  readonly column: string;
}

const RESERVED = new Set(["_id", "_block_num_start", "_block_num_end", "_tx_id", "_row_index"]);

/** In bytes. PostgreSQL silently cuts longer names. */
const IDENTIFIER_LIMIT = 63;

export function unsupported(type: ArrowType, { table, column }: Origin, detail?: string): AmpsyncError {
  return new AmpsyncError(
    "SY202",
    `Unsupported Arrow type ${typeName(type)} in column ${column} of table ${table}`,
    {
      ...(detail === undefined ? {} : { detail }),
      hint: "Cast the column in the query to a supported type, or exclude it with exclude_columns.",
    },
  );
}

/** Refuses names that PostgreSQL or ampsync cannot give to the columns of a table. */
export function checkColumnNames(names: readonly string[], table: string): void {
  if (names.length === 0) {
    throw new AmpsyncError("SY202", `Table ${table} has no columns`);
  }
  for (const name of [table, ...names]) {
    const bytes = new TextEncoder().encode(name).length;
    if (bytes > IDENTIFIER_LIMIT) {
      throw refusedName(`Identifier ${name} is too long: ${bytes} bytes, limit ${IDENTIFIER_LIMIT}`);
    }
    if (bytes === 0 || name.includes("\0")) {
      throw refusedName(`Identifier ${JSON.stringify(name)} of table ${table} is empty or contains U+0000`);
    }
  }
  for (const name of names) {
    if (RESERVED.has(name)) {
      throw refusedName(`Column name ${name} is reserved`);
    }
  }
  const twice = repeated(names);
  if (twice !== undefined) {
    throw refusedName(`Column name ${twice} occurs twice in table ${table}`);
  }
}

/** Refuses names that cannot be the keys of one JSON object. */
export function checkMemberNames(names: readonly string[], { table, column }: Origin): void {
  const where = `in a struct of column ${column} of table ${table}`;
  const twice = repeated(names);
  if (twice !== undefined) {
    throw refusedName(`Field name ${twice} occurs twice ${where}`);
  }
  for (const name of names) {
    if (name.includes("\0")) {
      throw refusedName(`Field name ${JSON.stringify(name)} contains U+0000 ${where}`);
    }
  }
}

function repeated(names: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return names.find((name) => seen.size === seen.add(name).size);
}

function refusedName(message: string): AmpsyncError {
  return new AmpsyncError("SY202", message, {
    hint: "Rename the column in the query, or exclude it with exclude_columns.",
  });
}
