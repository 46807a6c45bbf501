import { AmpsyncError } from "../errors.ts";

/** A row that is left out of its target, and why. */
export interface RejectedRow {
  /** Its own; without `_block_num` the last one of its microbatch, as in `_id`. */
  readonly block: bigint;
  /** From 0, in its record batch; of a row that PostgreSQL refused, among the rows written of its block. */
  readonly row: number;
  /** Null where the error names none. */
  readonly column: string | null;
  readonly sqlstate: string;
  readonly reason: string;
  /** The row as the text of a JSON object; null where it takes too much room. */
  readonly values: string | null;
}

/** What was done to values of one column: how often, and where first. */
export interface ColumnCount {
  readonly column: string;
  readonly count: number;
  readonly block: bigint;
  readonly row: number;
  readonly reason: string;
}

/** What the policies did to values that PostgreSQL cannot hold. A column has one count of each kind. */
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

/** In the order given: the first case of a column stays the first. */
export function joinReports(reports: readonly ValueReport[]): ValueReport {
  return {
    rejected: reports.flatMap(({ rejected }) => rejected),
    nulled: addUp(reports.flatMap(({ nulled }) => nulled)),
    nuls: addUp(reports.flatMap(({ nuls }) => nuls)),
  };
}

/** Makes it one count a column. */
export function addUp(counts: readonly ColumnCount[]): readonly ColumnCount[] {
  const sums = new Map<string, ColumnCount>();
  for (const each of counts) {
    const first = sums.get(each.column);
    sums.set(each.column, first === undefined ? each : { ...first, count: first.count + each.count });
  }
  return [...sums.values()];
}

/** More bad rows at once are a wrong type rather than wrong values, and too many to hold. */
const MAX_ROWS = 10_000;

/** Characters of values that are held at once; further rows are told without them. */
const MAX_LENGTH = 2 ** 20;

/** The rejected rows of one microbatch, or of one transaction: as much of them as is worth holding. */
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

  /** Whether the values of a row may still be told. */
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

  /** Forgets all but the first ones. */
  truncate(count: number): void {
    for (const { values } of this.#rows.splice(count)) {
      this.#length -= values?.length ?? 0;
    }
  }
}

/** Of a rejected row, besides its values. */
const ROW_BYTES = 256;

/** About how much memory a report takes. */
export function reportBytes({ rejected }: ValueReport): number {
  return rejected.reduce((sum, { values }) => sum + ROW_BYTES + (values?.length ?? 0), 0);
}
