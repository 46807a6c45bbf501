import type { Reader } from "./database.ts";
import { quote } from "./statements.ts";

/** Where the chunks of a snapshot wait: a table that nothing but a load reads. */
export function stageOf(snapshot: string): string {
  return `ampsync_stage.${quote(snapshot)}`;
}

/** A stage that does not hold the rows of its chunks: they are to be fetched anew. */
export class StageDiffers extends Error {
  override readonly name = "StageDiffers";
  readonly snapshot: string;

  constructor(snapshot: string, found: string, wanted: string) {
    super(`the snapshot ${snapshot} has ${found} rows in the stage, and ${wanted} came`);
    this.snapshot = snapshot;
  }
}

/** Compares what is about to be loaded with what its chunks were said to hold. Throws StageDiffers. */
export async function checkStage(tx: Reader, snapshot: string): Promise<void> {
  const { rows } = await tx.query<{ wanted: string; found: string }>(
    `select coalesce(sum(rows), 0)::text as wanted,
            (select count(*)::text from ${stageOf(snapshot)}) as found
       from ampsync.staged where snapshot_id = $1`,
    [snapshot],
  );
  const { wanted, found } = rows[0]!;
  if (wanted !== found) throw new StageDiffers(snapshot, found, wanted);
}

export async function dropStaged(tx: Reader, snapshot: string): Promise<void> {
  await tx.exec(`drop table if exists ${stageOf(snapshot)}`);
  await tx.query("delete from ampsync.staged where snapshot_id = $1", [snapshot]);
}
