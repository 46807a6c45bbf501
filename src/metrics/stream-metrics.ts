import { Counter, Histogram, type Registry } from "prom-client";

import type { CommitSize } from "../model/commit-size.ts";
import { named } from "./registry.ts";

/** What the passes of one table count. */
export interface TableMetrics {
  committed(size: CommitSize): void;
  /** A pass gives up its connection to the server and opens another one. */
  reconnects(reason: string): void;
  /** A pass ended, and is repeated after a pause: with the SQLSTATE that it ended with. */
  retries(code: string): void;
}

/** Of a commit at the head a few milliseconds, of one that waits for a lock or a standby minutes. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/**
 * What the passes of a process count. Series of a table carry its dataset and its name; no other label can have more
 * than a few values.
 */
export class StreamMetrics {
  readonly #rows: Counter<"dataset" | "table">;
  readonly #bytes: Counter<"dataset" | "table">;
  readonly #microbatches: Counter<"dataset" | "table">;
  readonly #commits: Counter<"dataset" | "table">;
  readonly #copySeconds: Histogram;
  readonly #commitSeconds: Histogram;
  readonly #reconnects: Counter<"reason">;
  readonly #retries: Counter<"dataset" | "table" | "reason">;
  readonly #lost: Counter;

  constructor(registry: Registry) {
    const ofTable = (name: string, help: string) =>
      new Counter({ ...named(registry, name), help, labelNames: ["dataset", "table"] });
    this.#rows = ofTable("ampsync_rows_written_total", "Rows that commits of this process wrote");
    this.#bytes = ofTable("ampsync_bytes_written_total", "Bytes of these rows, as COPY takes them");
    this.#microbatches = ofTable("ampsync_microbatches_total", "Microbatches that commits took in");
    this.#commits = ofTable("ampsync_commits_total", "Commits of this process");
    this.#copySeconds = new Histogram({
      ...named(registry, "ampsync_copy_seconds"),
      help: "Time for opening the transaction of a commit and handing over its rows",
      buckets: SECONDS,
    });
    this.#commitSeconds = new Histogram({
      ...named(registry, "ampsync_commit_seconds"),
      help: "Time from the end of the rows of a commit to the answer to COMMIT",
      buckets: SECONDS,
    });
    this.#reconnects = new Counter({
      ...named(registry, "ampsync_reconnects_total"),
      help: "Connections to the server that a pass gave up for another one",
      labelNames: ["reason"],
    });
    this.#retries = new Counter({
      ...named(registry, "ampsync_retries_total"),
      help: "Passes that ended with an error, or without data, and are repeated",
      labelNames: ["dataset", "table", "reason"],
    });
    this.#lost = new Counter({
      ...named(registry, "ampsync_leases_lost_total"),
      help: "Passes that lost their table: to another worker, or because it was paused or dropped",
    });
  }

  /** Empty names: a pass that has not come to know its table. */
  of(dataset: string, table: string): TableMetrics {
    const labels = { dataset, table };
    return {
      committed: ({ rows, bytes, microbatches, copyMs, commitMs }) => {
        this.#rows.inc(labels, rows);
        this.#bytes.inc(labels, bytes);
        this.#microbatches.inc(labels, microbatches);
        this.#commits.inc(labels);
        this.#copySeconds.observe(copyMs / 1000);
        this.#commitSeconds.observe(commitMs / 1000);
      },
      reconnects: (reason) => this.#reconnects.inc({ reason }),
      retries: (code) => this.#retries.inc({ ...labels, reason: reasonOf(code) }),
    };
  }

  leaseLost(): void {
    this.#lost.inc();
  }
}

/** Codes of ampsync are few; PostgreSQL's are hundreds, in few classes. */
function reasonOf(code: string): string {
  return code.startsWith("SY") ? code : `${code.slice(0, 2)}xxx`;
}
