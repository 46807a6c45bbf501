import type { Connection } from "./sql-stream.ts";

/** What was journaled of one event, oldest first. */
export async function journaled(db: Connection, event: string) {
  const { rows } = await db.query(
    "select dataset, table_name, details from ampsync.events where event = $1 order by event_id",
    [event],
  );
  return rows;
}

/** The same, details only. */
export async function journaledDetails(db: Connection, event: string) {
  return (await journaled(db, event)).map(({ details }) => details);
}

/** The name of every event that was journaled, oldest first. */
export async function journaledEvents(db: Connection): Promise<readonly string[]> {
  const { rows } = await db.query("select event from ampsync.events order by event_id");
  return rows.map(({ event }) => event);
}
