import type { Connection, SqlStream } from "./sql-stream.ts";

/** From here on the transaction runs as role `w`, which is no superuser and owns the target with its schema. */
export async function becomePlainRole(db: Connection, stream: SqlStream): Promise<void> {
  await db.query("create role w");
  for (const schema of ["ampsync", "ampsync_worker", "ampsync_private", "graphile_worker"]) {
    await db.query(`grant usage on schema ${schema} to w; grant all on all tables in schema ${schema} to w;
      grant execute on all routines in schema ${schema} to w; grant all on all sequences in schema ${schema} to w`);
  }
  await db.query(`alter table ${stream.target} owner to w;
    alter schema ${stream.target.split(".")[0]} owner to w; set local role w`);
}

/** What an operator with all rights does meanwhile. */
export async function asOperator(db: Connection, statements: string): Promise<void> {
  await db.query(`reset role; ${statements}; set local role w`);
}
