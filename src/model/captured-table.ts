/** A published table as the log notes it, which is as it was where the log stands. */
export interface CapturedTable {
  readonly relation: string;
  readonly identity: "full" | "key";
  /** In the order of the table. */
  readonly columns: readonly CapturedColumn[];
  /** Of a partitioned table; of any other none. */
  readonly leaves: readonly string[];
}

export interface CapturedColumn {
  readonly name: string;
  /** Part of the primary key. */
  readonly key: boolean;
  /** Computed by the table: never part of a row of the log. */
  readonly generated: boolean;
}
