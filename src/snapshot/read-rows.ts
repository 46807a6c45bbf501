import type { Readable } from "node:stream";

import pg from "pg";
import { to } from "pg-copy-streams";

import type { LogPoint, TakenSnapshot } from "./snapshot-calls.ts";

export interface OpenSnapshot {
  readonly point: LogPoint;
  /** Text of COPY: the columns of the shape, in the order of the primary key. */
  readonly rows: Readable;
}

/**
 * Opens one snapshot of the database in a session that is there for nothing else, and begins to read an instance in
 * it. Where the session may read the table, it locks it before the snapshot is taken: so a statement that rewrites
 * the table is either seen whole, or waits.
 *
 * `mayReadBare`: else the rows come from a function that runs with the rights of the role that publishes.
 */
export async function openSnapshot(
  session: pg.ClientBase,
  { shape, key, relation, columns, record }: TakenSnapshot,
  mayReadBare: boolean,
): Promise<OpenSnapshot> {
  const canLock = mayReadBare && (await bareStatement(session, shape, key)) !== null;
  await session.query("begin isolation level repeatable read read only");
  if (canLock) await session.query(`lock table ${relation} in access share mode`);
  const { rows } = await session.query("select ampsync_worker.log_point() as point");
  const bare = canLock ? await bareStatement(session, shape, key) : null;
  const names = columns.map((_, n) => `c${n}`);
  const source =
    bare ??
    `select * from ampsync_worker.shape_rows(${shape}, null, array[${pg.escapeLiteral(key)}]) as r(${record})`;
  const text = `copy (select ${names.join(", ")} from (${source}) as r(${["i", ...names].join(", ")})) to stdout`;
  return { point: rows[0].point, rows: session.query(to(text)) };
}

/** Null where the session may not read the table itself, or would not see all rows. */
async function bareStatement(session: pg.ClientBase, shape: number, key: string): Promise<string | null> {
  const { rows } = await session.query("select ampsync_worker.rows_statement($1, $2) as statement", [
    shape,
    key,
  ]);
  return rows[0].statement;
}
