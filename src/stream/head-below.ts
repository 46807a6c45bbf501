import type { StreamCalls, StreamLease } from "../db/stream-calls.ts";
import type { FlightClient } from "../flight/client.ts";
import { tableRefSql } from "../model/dataset-ref.ts";
import type { Failure } from "../model/failure.ts";
import type { BlockHash } from "../protocol/block-range.ts";

export interface HeadBelow {
  readonly flight: FlightClient;
  readonly calls: StreamCalls;
  readonly lease: StreamLease;
  readonly signal: AbortSignal;
}

/**
 * What it means that a server's head lies below the checkpoint of a stream.
 *
 * `lags`: it holds what we hold, up to this head. `replaced`: it holds another
 * block, the one named. `unknown`: there is nothing to compare.
 */
export type Below =
  | { readonly kind: "lags" }
  | { readonly kind: "replaced"; readonly block: bigint }
  | { readonly kind: "unknown" };

const UNKNOWN: Below = { kind: "unknown" };
/** Where a dataset's table of blocks has their hashes. */
const BLOCKS = { table: "blocks", column: "hash" } as const;

/**
 * Compares only: by the hash of the newest block up to the head that we hold the
 * hash of, in the same table, or in the dataset's table of blocks.
 */
export async function lookBelow({ flight, calls, lease, signal }: HeadBelow, head: bigint): Promise<Below> {
  const own = head < 0n ? null : await calls.newestHash(lease.streamId, head);
  if (own === null) {
    return UNKNOWN;
  }
  const { block } = own;
  async function ask(table: string, column: string): Promise<BlockHash | null> {
    const tableSql = tableRefSql(lease.sourceSchema, table);
    try {
      return await flight.blockHash({ tableSql, column, network: lease.network }, block, signal);
    } catch {
      signal.throwIfAborted();
      return null; // Not every dataset has such a table.
    }
  }
  // Another chain may have no row for that block in the same table.
  const theirs =
    (own.column && (await ask(lease.tableName, own.column))) ?? (await ask(BLOCKS.table, BLOCKS.column));
  if (theirs === null) {
    return UNKNOWN;
  }
  return theirs === own.hash ? { kind: "lags" } : { kind: "replaced", block };
}

/** What is shown of a stream whose server lags, or may have another chain because no hash could be compared. */
export function headBelow({ kind }: Below, head: bigint, checkpoint: bigint): Failure {
  const code = "SY107";
  const resumes = "The stream resumes automatically once the server has caught up";
  return kind === "lags"
    ? {
        code,
        message: `the server lags: it holds blocks up to ${head}, this table up to ${checkpoint}`,
        detail: "Both have the same chain: their hashes agree. Nothing is removed.",
        hint: `${resumes}: select * from ampsync.streams;`,
      }
    : {
        code,
        message: `the server holds blocks up to ${head} only, this table up to ${checkpoint}`,
        detail:
          "There is no block whose hash both hold, so the server may lag or have another chain. Nothing is removed.",
        hint: `${resumes}, or if the chain started over: select ampsync.resync('<dataset>', '<table>');`,
      };
}
