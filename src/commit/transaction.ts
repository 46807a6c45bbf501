import type { Ledger } from "../model/ledger.ts";
import type { ValueReport } from "../model/value-report.ts";

/** The values that PostgreSQL itself refused, and what is missing in the target because of that. */
export interface Refusals {
  readonly report: ValueReport;
  readonly removed: Ledger;
}

/** A transaction that begins with a statement of its source, writes rows, and ends with another one. */
export interface Transaction {
  /** Writes whole rows; tells which of them PostgreSQL refused, where that does not end it. */
  write(chunk: Uint8Array): Promise<Refusals | null>;
  /** What is written from here on can be taken back. */
  mark(): Promise<void>;
  /** Takes back what was written since `mark`. */
  takeBack(): Promise<void>;
  /** Commits. `end` is the statement to run in the same message; not asked for where it was known from the beginning. */
  commit(end: () => string): Promise<void>;
  /** Rolls back, if it is not over. */
  abort(): void;
}
