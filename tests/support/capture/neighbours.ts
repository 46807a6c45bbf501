import type { TestDatabase } from "../postgres/postgres.ts";

/** Two commits whose records lie next to each other, if nobody else writes in between. */
export async function commitBackToBack(db: TestDatabase, id: number): Promise<void> {
  const [one, other] = await Promise.all([db.client(), db.client()]);
  for (const [n, client] of [one, other].entries()) {
    await client!.query("set synchronous_commit = local");
    await client!.query(`begin; insert into todos values (${id + n}, 'a')`);
  }
  await one!.query("commit");
  await other!.query("commit");
  await Promise.all([one!.end(), other!.end()]);
}
