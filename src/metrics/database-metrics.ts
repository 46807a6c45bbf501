import { Counter, Gauge, type Registry } from "prom-client";

import type { MetricRow } from "../model/metric-row.ts";

/** What the database knows, in the registry of a process: the database decides which metrics there are. */
export class DatabaseMetrics {
  readonly #registry: Registry;
  readonly #isUp: Gauge;
  #names: readonly string[] = [];

  constructor(registry: Registry) {
    this.#registry = registry;
    this.#isUp = new Gauge({
      name: "ampsync_database_up",
      help: "Whether the database answered when it was asked for its metrics",
      registers: [registry],
    });
  }

  /** Takes the place of what was read before. Null: the database did not answer, and what it knows is unknown. */
  replace(rows: readonly MetricRow[] | null): void {
    this.#isUp.set(rows === null ? 0 : 1);
    for (const name of this.#names) this.#registry.removeSingleMetric(name);
    const byName = Map.groupBy(rows ?? [], ({ metric }) => metric);
    this.#names = [...byName.keys()];
    for (const group of byName.values()) this.#register(group);
  }

  #register(rows: readonly MetricRow[]): void {
    const [{ metric: name, type, help }] = rows as [MetricRow];
    const labelNames = [...new Set(rows.flatMap(({ labels }) => Object.keys(labels)))];
    const options = { name, help, labelNames, registers: [this.#registry] };
    if (type === "counter") {
      const counter = new Counter(options);
      for (const { labels, value } of rows) counter.inc(labels, value);
    } else {
      const gauge = new Gauge(options);
      for (const { labels, value } of rows) gauge.set(labels, value);
    }
  }
}
