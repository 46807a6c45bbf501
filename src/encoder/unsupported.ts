import { type ArrowType, typeName } from "../arrow/type.ts";
import { AmpsyncError } from "../errors.ts";

/** The column that a type or a name belongs to. */
export interface Origin {
  readonly table: string;
  readonly column: string;
}

/** The columns that ampsync puts before those of the dataset; `_block_num` belongs to the dataset, if it is there. */
const OURS = new Set(["_id", "_block_num_start", "_block_num_end", "_tx_id", "_row_index"]);
/** The columns that PostgreSQL itself gives every table. */
const SYSTEM_COLUMNS = new Set(["ctid", "xmin", "cmin", "xmax", "cmax", "tableoid"]);

/** In bytes. PostgreSQL silently truncates longer names. */
const IDENTIFIER_LIMIT = 63;

/** PostgreSQL allows 1,600 columns in a table: the rest is for ours, and for those that were dropped. */
const COLUMN_LIMIT = 1590;
/** The most bytes of a row in a page of 8 KiB. */
const ROW_LIMIT = 8160;
const ROW_HEADER = 24;
/** Bytes that a value takes in the row itself; values of all other types can be stored outside it, except for one byte. */
const FIXED_BYTES: Readonly<Record<string, number>> = {
  boolean: 1,
  smallint: 2,
  integer: 4,
  real: 4,
  date: 4,
  bigint: 8,
  "double precision": 8,
  "time without time zone": 8,
  "timestamp with time zone": 8,
  "timestamp without time zone": 8,
  interval: 16,
};

export function unsupportedType(type: ArrowType, { table, column }: Origin, detail?: string): AmpsyncError {
  return new AmpsyncError(
    "SY202",
    `Unsupported Arrow type ${typeName(type)} in column ${column} of table ${table}`,
    {
      ...(detail === undefined ? {} : { detail }),
      hint: `Cast the column to a supported type in the query of the dataset, or leave it out: ${excluding(column)}`,
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
      throw unsupportedName(`Identifier ${name} is too long: ${bytes} bytes, limit ${IDENTIFIER_LIMIT}`, {
        column: name,
      });
    }
    if (bytes === 0 || name.includes("\0")) {
      throw unsupportedName(
        `Identifier ${JSON.stringify(name)} of table ${table} is empty or contains U+0000`,
      );
    }
  }
  for (const name of names) {
    if (OURS.has(name) || SYSTEM_COLUMNS.has(name)) {
      const owner = OURS.has(name) ? "ampsync" : "PostgreSQL";
      throw unsupportedName(`Column name ${name} is reserved`, {
        detail: `${owner} gives every table a column of this name.`,
        column: name,
      });
    }
  }
  const twice = repeated(names);
  if (twice !== undefined) {
    throw unsupportedName(`Column name ${twice} occurs twice in table ${table}`);
  }
  if (names.length > COLUMN_LIMIT) {
    throw new AmpsyncError(
      "SY202",
      `Table ${table} has ${names.length} columns, more than a table can have`,
      {
        detail: `The limit is ${COLUMN_LIMIT}: PostgreSQL allows 1600, including columns of ampsync and dropped ones.`,
        hint: "Leave columns out in the query of the dataset, or put several into a struct or a list.",
      },
    );
  }
}

/** Refuses tables of which no row can ever be stored, because the columns that are never null fill more than a page. */
export function checkRowWidth(
  columns: readonly { readonly type: string; readonly notNull: boolean }[],
  table: string,
): void {
  const filled = columns.filter(({ notNull }) => notNull);
  const bytes = filled.reduce((sum, { type }) => sum + (FIXED_BYTES[type] ?? 1), ROW_HEADER);
  if (bytes > ROW_LIMIT) {
    throw new AmpsyncError(
      "SY202",
      `A row of table ${table} takes at least ${bytes} bytes, more than PostgreSQL can store`,
      {
        detail: `The limit is ${ROW_LIMIT} bytes; ${filled.length} columns are never null.`,
        hint: "Leave columns out in the query of the dataset, or put several into a struct or a list, which is stored outside the row.",
      },
    );
  }
}

/** Refuses names that cannot be the keys of one JSON object. */
export function checkMemberNames(names: readonly string[], { table, column }: Origin): void {
  const where = `in a struct of column ${column} of table ${table}`;
  const twice = repeated(names);
  if (twice !== undefined) {
    throw unsupportedName(`Field name ${twice} occurs twice ${where}`);
  }
  for (const name of names) {
    if (name.includes("\0")) {
      throw unsupportedName(`Field name ${JSON.stringify(name)} contains U+0000 ${where}`);
    }
  }
}

function repeated(names: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return names.find((name) => seen.size === seen.add(name).size);
}

function unsupportedName(
  message: string,
  { detail, column }: { readonly detail?: string; readonly column?: string } = {},
): AmpsyncError {
  return new AmpsyncError("SY202", message, {
    ...(detail === undefined ? {} : { detail }),
    hint: `Rename the column in the query of the dataset, or leave it out${column === undefined ? " there." : `: ${excluding(column)}`}`,
  });
}

/** The statements that leave out a column and those left out before; filled in where the stream is known. */
function excluding(column: string): string {
  const name = JSON.stringify(column).replaceAll("'", "''");
  return `select ampsync.enqueue_sync('<dataset>', exclude_columns => '{"<table>": [<excluded>${name}]}'); select ampsync.resume_sync('<dataset>');`;
}
