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
 * `lags`: it holds there what we hold. `replaced`: it holds another block, the one
 * named. `unknown`: there is nothing to compare; a head that is no more than the
 * newest block with a row in a table says nothing if it agrees with ours.
 */
export type Below =
  | { readonly kind: "lags" | "unknown" }
  | { readonly kind: "replaced"; readonly block: bigint };

const UNKNOWN: Below = { kind: "unknown" };
/** The column of a table of blocks. */
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
  const table = own.column === null ? BLOCKS.table : lease.tableName;
  const reference = tableRefSql(lease, lease.version, table);
  const theirs = await flight.blockHash(reference, own.column ?? BLOCKS.column, own.block, signal);
  if (theirs === null) {
    return UNKNOWN;
  }
  if (theirs !== own.hash) {
    return { kind: "replaced", block: own.block };
  }
  return own.column === BLOCKS.column ? { kind: "lags" } : UNKNOWN;
}
