import type { Calls, Lease } from "./db/calls.ts";
import type { FlightClient } from "./flight/client.ts";
import { tableRefSql } from "./model/dataset-ref.ts";

export interface HeadBelow {
  readonly flight: FlightClient;
  readonly calls: Calls;
  readonly lease: Lease;
  readonly signal: AbortSignal;
}

/**
 * What it means that a server's head lies below the checkpoint of a stream.
 *
 * `lags`: it holds what we hold, up to this head. `replaced`: it holds another
 * block, the one named. `unknown`: there is nothing to compare.
 */
export type Below =
  | { readonly kind: "lags"; readonly head: bigint }
  | { readonly kind: "replaced"; readonly block: bigint }
  | { readonly kind: "unknown" };

const UNKNOWN: Below = { kind: "unknown" };
/** The column of a table of blocks. */
const BLOCKS = { table: "blocks", column: "hash" } as const;

/**
 * Compares only: by the hash of the newest block up to the head that we hold the
 * hash of, in the same table, or in the dataset's table of blocks.
 */
export async function lookBelow(
  { flight, calls, lease, signal }: HeadBelow,
  head: bigint,
  checkpoint: bigint,
): Promise<Below> {
  const own = head < 0n ? null : await calls.newestHash(lease.streamId, head);
  if (own === null) {
    return UNKNOWN;
  }
  const ofBlocks = tableRefSql(lease, lease.version, BLOCKS.table);
  const reference = own.column === null ? ofBlocks : tableRefSql(lease, lease.version, lease.tableName);
  const theirs = await flight.blockHash(reference, own.column ?? BLOCKS.column, own.block, signal);
  if (theirs === null) {
    return UNKNOWN;
  }
  if (theirs !== own.hash) {
    return { kind: "replaced", block: own.block };
  }
  if (own.column === BLOCKS.column) {
    return { kind: "lags", head };
  }
  // A table that has no row for each block may end below the head. Not every dataset has a table of blocks.
  const known = await flight.maxBlock(ofBlocks, signal).catch(() => null);
  return known !== null && known < checkpoint ? { kind: "lags", head: known } : UNKNOWN;
}
