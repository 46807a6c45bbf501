import type { Report } from "../wire/from-client.ts";

const AT_MOST_EACH_MS = 5_000;

/** What only a client knows, said after each welcome and when something of it changes. */
export class Reports {
  readonly #send: (report: Report) => boolean;
  #said = "";
  #next: Report | null = null;
  /** Tables that differ: told once, by this connection or a later one. */
  #checks: Report["checks"] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #saidAt = Number.NEGATIVE_INFINITY;

  /** `send` returns whether it was sent. */
  constructor(send: (report: Report) => boolean) {
    this.#send = send;
  }

  /** A new connection knows nothing yet. */
  welcomed(): void {
    this.end();
    this.#said = "";
    this.#saidAt = Number.NEGATIVE_INFINITY;
  }

  offer(report: Report): void {
    // The size of the store changes with each frame: it goes with the next report, and is no reason for one.
    const text = JSON.stringify({ ...report, store: report.store?.status });
    this.#checks = [...this.#checks, ...report.checks];
    if (text === this.#said && this.#checks.length === 0) return;
    this.#next = report;
    this.#said = text;
    const pause = Math.max(0, this.#saidAt + AT_MOST_EACH_MS - performance.now());
    this.#timer ??= setTimeout(() => this.#say(), pause);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#next = null;
  }

  #say(): void {
    const report = this.#next;
    this.#timer = undefined;
    this.#next = null;
    this.#saidAt = performance.now();
    if (report === null) return;
    if (this.#send({ ...report, checks: this.#checks })) this.#checks = [];
  }
}
