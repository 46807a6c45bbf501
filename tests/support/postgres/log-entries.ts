import type { Connection } from "./sql-stream.ts";

/** A published table of an application that is no table: the log of it is written by hand. Returns its published_id. */
export async function publishedRows(db: Connection, name: string): Promise<number> {
  await db.query("select ampsync_private.ensure_capture()");
  await db.query(
    "create table if not exists ampsync_private.change_test partition of ampsync_private.change default",
  );
  const { rows } = await db.query(
    `insert into ampsync_private.published
            (schema_name, table_name, mode, identity, columns, state, floor, published_lsn, since)
     values ('public', $1, 'rows', 'full', '[{"name": "id", "key": true}]', 'live', 0, '0/1', ampsync_private.now())
     returning published_id`,
    [name],
  );
  return rows[0].published_id;
}

export interface LoggedTransaction {
  readonly changes?: number;
  readonly bytes?: number;
  /** Of each row: how long its value is. */
  readonly body?: number;
  /** By default another one for each entry. */
  readonly xid?: string;
  readonly client?: string;
  readonly tx?: string;
}

/** An entry of a captured transaction with that many inserts; its position. */
export async function logRows(
  db: Connection,
  publishedId: number,
  { changes = 1, body = 0, bytes = (100 + body) * changes, xid, client, tx }: LoggedTransaction = {},
): Promise<string> {
  const { rows } = await db.query(
    `with t as (
       insert into ampsync_private.change_tx
              (position, kind, tx_id, lsn, xid, committed_at, recorded_at, schema_version, client_id, client_tx, changes, bytes)
       select ampsync_private.take_position(), 'rows', nextval('ampsync_private.tx_id'), '0/100',
              coalesce($4::xid8, pg_current_xact_id()), ampsync_private.now(), ampsync_private.now(), '0.0.0', $5, $6, $2, $3
       returning position, tx_id),
     c as (
       insert into ampsync_private.change (tx_id, seq, published_id, operation, key, data)
       select t.tx_id, n, $1, 'insert', '["' || n || '"]', jsonb_build_object('id', n::text, 'body', repeat('x', $7))
         from t cross join generate_series(0, least($2, 1000) - 1) n)
     select position from t`,
    [publishedId, changes, bytes, xid ?? null, client ?? null, tx ?? null, body],
  );
  return rows[0].position;
}

/** The present epoch of the log. */
export async function epochOf(db: Connection): Promise<string> {
  return (await db.query("select ampsync_private.check_epoch() as epoch")).rows[0].epoch;
}

/** A shape by hand, without what create_shape checks; its id. */
export async function shapeOf(
  db: Connection,
  name: string,
  publishedId: number,
  { low = null, bind = {} }: { readonly low?: number | null; readonly bind?: object } = {},
): Promise<number> {
  const { rows } = await db.query(
    `insert into ampsync_private.shape
            (name, published_id, bind, low, keep_blocks, public, unindexed, rls, definition, since)
     values ($1, $2, $3, $4, $4, true, true, 'check', md5($1), ampsync_private.now())
     returning shape_id`,
    [name, publishedId, bind, low],
  );
  return rows[0].shape_id;
}
