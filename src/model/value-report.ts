import { AmpsyncError } from "../errors.ts";

/** A row that is kept aside instead of being written to its target, and why. */
export interface RejectedRow {
  /** The row's own block; without `_block_num` the last block of its microbatch, as in `_id`. */
  readonly block: bigint;
  /** The row's index in its record batch; for a row that PostgreSQL refused, its index among the written rows of its block. */
  readonly row: number;
  /** Null if the error names none. */
  readonly column: string | null;
  readonly sqlstate: string;
  readonly reason: string;
  /** The row as the text of a JSON object; null if it takes too much room. */
  readonly values: string | null;
}

/** How often values of one column were changed, and where first. */
export interface ColumnCount {
  readonly column: string;
  readonly count: number;
  readonly block: bigint;
  readonly row: number;
  readonly reason: string;
}

/** What the policies did to bad values. A column has one count of each kind. */
export interface ValueReport {
  readonly rejected: readonly RejectedRow[];
  /** Values that became NULL. */
  readonly nulled: readonly ColumnCount[];
  /** Texts in which U+0000 was replaced or stripped. */
  readonly nuls: readonly ColumnCount[];
}

export function isEmpty({ rejected, nulled, nuls }: ValueReport): boolean {
  return rejected.length + nulled.length + nuls.length === 0;
}

/** Joins reports in the given order: the first case of a column stays the first. */
export function joinReports(reports: readonly ValueReport[]): ValueReport {
  return {
    rejected: reports.flatMap(({ rejected }) => rejected),
    nulled: addUp(reports.flatMap(({ nulled }) => nulled)),
    nuls: addUp(reports.flatMap(({ nuls }) => nuls)),
  };
}

/** Adds up the counts of each column. */
export function addUp(counts: readonly ColumnCount[]): readonly ColumnCount[] {
  const sums = new Map<string, ColumnCount>();
  for (const each of counts) {
    const first = sums.get(each.column);
    sums.set(each.column, first === undefined ? each : { ...first, count: first.count + each.count });
  }
  return [...sums.values()];
}

/** More rejected rows at once mean a wrong type rather than wrong values, and are too many to hold. */
const MAX_ROWS = 10_000;

/** The most characters of values that are held at once; further rows are reported without values. */
const MAX_LENGTH = 2 ** 20;

/** The rejected rows of one microbatch, or of one transaction, within limits of memory. */
export class RejectedRows {
  readonly #table: string;
  readonly #rows: RejectedRow[] = [];
  #length = 0;

  constructor(table: string) {
    this.#table = table;
  }

  get rows(): readonly RejectedRow[] {
    return this.#rows;
  }

  /** Whether the values of another row still fit. */
  get hasRoom(): boolean {
    return this.#length < MAX_LENGTH;
  }

  add(row: RejectedRow): void {
    if (this.#rows.length === MAX_ROWS) {
      throw new AmpsyncError(
        "SY203",
        `more than ${MAX_ROWS} rows of table ${this.#table} would be rejected at once`,
        {
          detail: `Block ${row.block}, row ${row.row}, column ${row.column ?? "unknown"}: ${row.reason}`,
        },
      );
    }
    this.#length += row.values?.length ?? 0;
    this.#rows.push(this.#length <= MAX_LENGTH ? row : { ...row, values: null });
  }

  /** Forgets all but the first `length` rows. */
  truncate(count: number): void {
    for (const { values } of this.#rows.splice(count)) {
      this.#length -= values?.length ?? 0;
    }
  }
}

/** The bytes of a rejected row without its values. */
const ROW_BYTES = 256;

/** The approximate memory that a report takes. */
export function reportBytes({ rejected }: ValueReport): number {
  return rejected.reduce((sum, { values }) => sum + ROW_BYTES + (values?.length ?? 0), 0);
}
