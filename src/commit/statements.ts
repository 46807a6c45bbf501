import pg from "pg";

/** Signature, flags, header extension: see "Binary Format" of COPY in PostgreSQL's manual. */
export const COPY_HEADER = Buffer.from("PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0", "latin1");
export const COPY_TRAILER = Buffer.from([0xff, 0xff]);

/** The table that rows are copied into. */
export interface CopyTarget {
  readonly schema: string;
  readonly table: string;
  /** In the order of the fields in each row. */
  readonly columns: readonly string[];
}

/** A COPY may wait longer than a call may take: for the rows of a large microbatch, or for somebody's lock. */
export const BEGIN = "begin isolation level read committed;\nset local statement_timeout = '1h'";

/** Before a microbatch that may yet be given up; each one replaces the last. */
export const SAVEPOINT = "savepoint ampsync_microbatch";

/** COPY into a table that has the columns of the target. */
export function copyInto(table: string, { columns }: CopyTarget): string {
  return `copy ${table} (${columns.map(ident).join(", ")}) from stdin (format binary)`;
}

export function tableOf({ schema, table }: CopyTarget): string {
  return `${ident(schema)}.${ident(table)}`;
}

export const ident = pg.escapeIdentifier;
export const literal = pg.escapeLiteral;
