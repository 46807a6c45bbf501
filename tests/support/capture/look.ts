import type { TestDatabase } from "../postgres/database.ts";
import { untilCaptured } from "./rig.ts";

const MOST_LOOKS = 6;

/** Has published tables looked at, as workers do it time and again; what is found is in the log as well. */
export async function look(db: TestDatabase): Promise<void> {
  for (let n = 0; n < MOST_LOOKS; n++) {
    await untilCaptured(db);
    await db.query("update ampsync_private.published set looked_at = null");
    await db.query("select ampsync_worker.look_at_tables()");
    const { rows } = await db.query(
      "select from ampsync_private.published p where p.seen ->> 'token' is not null",
    );
    if (rows.length === 0) return;
  }
  throw new Error("a look finds something again and again");
}
