import type { Ledger } from "../model/ledger.ts";
import type { ValueReport } from "../model/value-report.ts";

/** The rows that PostgreSQL itself refused: what became of them, and what the target lacks because of it. */
export interface Refusals {
  readonly report: ValueReport;
  readonly removed: Ledger;
}

/** A transaction that begins with one statement of its source, writes rows, and ends with another statement. */
export interface Transaction {
  /** Writes whole rows. Resolves to those that PostgreSQL refused, where a refusal does not end the transaction. */
  write(chunk: Uint8Array): Promise<Refusals | null>;
  /** Takes the place of the last savepoint. */
  savepoint(): Promise<void>;
  /** Undoes what was written since the last savepoint. */
  rollbackToSavepoint(): Promise<void>;
  /** Runs `end` and COMMIT in one message. `end` is not called where the statement was known from the beginning. */
  commit(end: () => string): Promise<void>;
  /** Rolls back, unless the transaction is over. */
  abort(): void;
}
