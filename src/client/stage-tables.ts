import type { Reader } from "./database.ts";
import { quote } from "./statements.ts";

/** Where the chunks of a snapshot wait: a table without indexes, which nothing but a load reads. */
export function stageOf(snapshot: string): string {
  return `ampsync_stage.${quote(snapshot)}`;
}

export async function dropStaged(tx: Reader, snapshot: string): Promise<void> {
  await tx.exec(`drop table if exists ${stageOf(snapshot)}`);
  await tx.query("delete from ampsync.staged where snapshot_id = $1", [snapshot]);
}
