/** A row of ampsync.metrics. */
export interface MetricRow {
  readonly metric: string;
  readonly type: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly help: string;
}
