import type { SourceReport } from "../db/source-calls.ts";
import type { LogFields } from "../log.ts";

/** A report, and when it was made, by performance.now(). */
interface Look {
  readonly report: SourceReport;
  readonly at: number;
}

/**
 * What `ampsync ingest` tells of its source. Counts are the source's, those of former processes included; speed is that of
 * this process.
 */
export class IngestionFigures {
  readonly #startedAt: number;
  #first: SourceReport | null = null;
  #last: Look | null = null;
  /** The one that the last progress told. */
  #told: Look;

  /** `at`: when the process began, by performance.now(). `before`: the source at that time; null: it was not there. */
  constructor(at: number, before: SourceReport | null) {
    this.#startedAt = at;
    this.#first = before;
    this.#told = { report: before ?? NOTHING, at };
  }

  /** Takes a report of the source. */
  saw(report: SourceReport, at: number): void {
    this.#first ??= { ...report, rows: 0n, records: 0n, pages: 0n };
    this.#last = { report, at };
  }

  /** Whether a page has come since the process began. */
  get hasMoved(): boolean {
    const { records, pages } = this.#last?.report ?? this.#first ?? NOTHING;
    return records !== (this.#first?.records ?? 0n) || pages !== (this.#first?.pages ?? 0n);
  }

  /** What is told every few seconds: the speed is that since it was told last. */
  progress(): LogFields {
    const { report, at } = this.#last ?? this.#told;
    const before = this.#told;
    this.#told = { report, at };
    const { state, error } = report;
    return {
      ...countsOf(report),
      rows_per_s: perSecond(report.rows - before.report.rows, at - before.at),
      eta: report.eta?.toISOString() ?? null,
      requests_sent: numberOf(report.requestsSent),
      requests_used: report.requestsUsed,
      requests_allowed: report.requestsAllowed,
      state,
      ...(error === null ? {} : { code: error.code, reason: error.message, hint: error.hint }),
    };
  }

  /** What is told last: the speed is that of the whole process. */
  summary(at: number): LogFields {
    const report = this.#last?.report ?? this.#first ?? NOTHING;
    const ms = at - this.#startedAt;
    return {
      ...countsOf(report),
      seconds: rounded(ms / 1000),
      rows_per_s: perSecond(report.rows - (this.#first?.rows ?? 0n), ms),
    };
  }
}

const NOTHING: SourceReport = {
  ...{ state: "waiting", error: null, attempts: 0, eta: null },
  ...{ rows: 0n, records: 0n, duplicates: 0n, rejected: 0n, pages: 0n },
  ...{ requestsSent: null, requestsUsed: null, requestsAllowed: null },
};

/** For whoever reads the line these are numbers: what is counted here never comes near 2^53. */
function numberOf(count: bigint | null): number | null {
  return count === null ? null : Number(count);
}

function countsOf({ rows, records, pages, duplicates, rejected }: SourceReport): LogFields {
  return {
    rows: numberOf(rows),
    records: numberOf(records),
    pages: numberOf(pages),
    duplicates: numberOf(duplicates),
    rejected: numberOf(rejected),
  };
}

function perSecond(rows: bigint, ms: number): number {
  return ms <= 0 ? 0 : rounded((Number(rows) * 1000) / ms);
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
