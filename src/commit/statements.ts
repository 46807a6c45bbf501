import pg from "pg";

/** Signature, flags, header extension: see "Binary Format" of COPY in PostgreSQL's manual. */
export const COPY_HEADER = Buffer.from("PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0", "latin1");
export const COPY_TRAILER = Buffer.from([0xff, 0xff]);

/** Where rows go. */
export interface CopyTarget {
  readonly schema: string;
  readonly table: string;
  /** In the order of the fields of each row. */
  readonly columns: readonly string[];
}

/** A COPY may wait for the rows of a large microbatch, or for somebody's lock, longer than a call may take. */
export const BEGIN = "begin isolation level read committed;\nset local statement_timeout = '1h'";

/** COPY of rows into a table, for the columns of a target. */
export function copyInto(table: string, { columns }: CopyTarget): string {
  return `copy ${table} (${columns.map(ident).join(", ")}) from stdin (format binary)`;
}

export function tableOf({ schema, table }: CopyTarget): string {
  return `${ident(schema)}.${ident(table)}`;
}

export const ident = pg.escapeIdentifier;
export const literal = pg.escapeLiteral;
