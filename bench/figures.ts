/** Named figures of one case of a benchmark, as they are printed. */
export type Figures = Readonly<Record<string, number | string | boolean | null | readonly number[]>>;

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** The value that so many percent of the values do not exceed. */
function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = Math.ceil((sorted.length * percent) / 100) - 1;
  return sorted[Math.max(0, at)] ?? Number.NaN;
}

/** p50, p95, p99 and the highest of some milliseconds; nothing if there are none. */
export function latencies(ms: readonly number[], prefix = ""): Record<string, number> {
  if (ms.length === 0) return {};
  const at = (percent: number) => round(percentile(ms, percent), 2);
  return {
    [`${prefix}p50_ms`]: at(50),
    [`${prefix}p95_ms`]: at(95),
    [`${prefix}p99_ms`]: at(99),
    [`${prefix}max_ms`]: at(100),
  };
}

export function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
