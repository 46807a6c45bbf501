import type { Connection } from "./sql-stream.ts";

/** A table that counts as captured and live, without a slot. Returns its published_id. */
export async function publishLive(
  db: Connection,
  table: string,
  identity: "full" | "key" = "full",
): Promise<number> {
  await db.query("select ampsync_private.store_published($1, $2, '{}')", [table, identity]);
  const { rows } = await db.query(
    `update ampsync_private.published p set state = 'live', floor = ampsync.head()
      where p.relation = $1::regclass returning p.published_id`,
    [table],
  );
  return rows[0]!.published_id;
}

/** A row of client_tables by the name of the shape. */
export async function clientTable(db: Connection, name: string) {
  const { rows } = await db.query("select * from ampsync_private.client_tables() where name = $1", [name]);
  return rows[0];
}
