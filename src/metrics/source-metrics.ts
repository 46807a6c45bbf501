import { Counter, Histogram, type Registry } from "prom-client";

import { named } from "./registry.ts";

/** What the passes of one HTTP source count. */
export interface RequestMetrics {
  /** A request was answered with this status; null: it was sent, and no answer came. */
  answered(status: number | null, seconds: number): void;
  /** Pages that a commit took in. */
  pages(count: number): void;
}

const SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

/** What the passes of HTTP sources in this process count, beside rows and commits, which StreamMetrics has. */
export class SourceMetrics {
  readonly #requests: Counter<"dataset" | "table" | "outcome">;
  readonly #seconds: Histogram;
  readonly #pages: Counter<"dataset" | "table">;

  constructor(registry: Registry) {
    this.#requests = new Counter({
      ...named(registry, "ampsync_http_requests_total"),
      help: "Requests of HTTP sources that this process sent",
      labelNames: ["dataset", "table", "outcome"],
    });
    this.#seconds = new Histogram({
      ...named(registry, "ampsync_http_request_seconds"),
      help: "Time from sending a request of an HTTP source to the end of its answer",
      buckets: SECONDS,
    });
    this.#pages = new Counter({
      ...named(registry, "ampsync_http_pages_total"),
      help: "Pages that commits took in",
      labelNames: ["dataset", "table"],
    });
  }

  of(dataset: string, table: string): RequestMetrics {
    return {
      answered: (status, seconds) => {
        this.#requests.inc({ dataset, table, outcome: outcomeOf(status) });
        this.#seconds.observe(seconds);
      },
      pages: (count) => this.#pages.inc({ dataset, table }, count),
    };
  }
}

/** `2xx`, `4xx` …; 429 by itself, as people look for it. */
function outcomeOf(status: number | null): string {
  if (status === null) return "failed";
  return status === 429 ? "429" : `${Math.floor(status / 100)}xx`;
}
