import type { Connection } from "./sql-stream.ts";

/** What the job ampsync_publication does next; null: nothing is left to do. */
export async function tendOnce(db: Connection): Promise<string | null> {
  const { rows } = await db.query("select * from ampsync_worker.tend_publication()");
  if (rows[0]!["statement"] !== null) await db.query(rows[0]!["statement"]);
  return rows[0]!["step"];
}

/** The same step by step, until nothing is left to do. */
export async function tendPublication(db: Connection): Promise<readonly string[]> {
  const steps: string[] = [];
  for (;;) {
    const step = await tendOnce(db);
    if (step === null) return steps;
    steps.push(step);
    if (steps.length > 50) throw new Error(`it goes on for ever: ${steps.join(", ")}`);
  }
}
