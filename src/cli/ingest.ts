import { setTimeout as pause } from "node:timers/promises";

import { API_KEY, type IngestionStart } from "../config/ingestion.ts";
import { type Config, logOf, requireDatabase } from "../config.ts";
import { Caller } from "../db/caller.ts";
import { createPool } from "../db/pool.ts";
import { retryingStatements } from "../db/retry.ts";
import { SourceCalls, type SourceReport } from "../db/source-calls.ts";
import { AmpsyncError } from "../errors.ts";
import type { Log } from "../log.ts";
import { type Failure, failureOf, isTransient } from "../model/failure.ts";
import { closeHealth, startHealth } from "../runtime.ts";
import { IngestionFigures } from "./ingestion-figures.ts";
import { install } from "./install.ts";
import { runWorker } from "./worker.ts";

const LOOK_MS = 500;
/** How long a process that ends waits for the last look. */
const LAST_LOOK_MS = 2_000;
const TELL_MS = 10_000;
/** By then the process has ended, whatever hangs: nothing that is committed is asked for again. */
const LONGEST_END_MS = 9_500;

/**
 * `ampsync ingest`: migrates if its role may, begins the source of its settings or goes on with it, and works until that
 * is complete, failed, or the signal aborts. Several may run at once. Resolves to the exit code: 0 if it is complete, or was
 * told to stop.
 */
export async function runIngestion(config: Config, log: Log, signal: AbortSignal): Promise<number> {
  return await new Ingestion(config, log, signal).run();
}

class Ingestion {
  readonly #config: Config;
  readonly #start: IngestionStart;
  readonly #log: Log;
  /** What the command is for: written whatever the level of the log. */
  readonly #lines: Log;
  readonly #pool: ReturnType<typeof createPool>;
  readonly #caller: Caller;
  readonly #told: AbortSignal;
  readonly #isOver = new AbortController();
  /** Aborted when the source is complete or failed, or when the process was told to stop. */
  readonly #stop: AbortSignal;
  readonly #startedAt = performance.now();
  #figures = new IngestionFigures(this.#startedAt, null);
  #isComplete = false;
  #failure: Failure | null = null;
  #hasTold = false;

  constructor(config: Config, log: Log, told: AbortSignal) {
    const limits = {
      connectionMs: config.connectionLimitSecs * 1000,
      operationMs: config.operationLimitSecs * 1000,
    };
    this.#config = config;
    this.#start = config.ingestion!;
    this.#log = log.part("ingest");
    this.#lines = logOf({ ...config, logLevels: { rest: "info", parts: new Map() } })
      .part("ingest")
      .with({ dataset: this.#start.dataset });
    this.#pool = createPool(
      { url: requireDatabase(config), max: 1, queryTimeoutMs: 0, name: "ampsync ingest" },
      log.part("db"),
    );
    this.#caller = new Caller(retryingStatements(this.#pool, limits, log.part("db")));
    this.#told = told;
    this.#stop = AbortSignal.any([told, this.#isOver.signal]);
  }

  async run(): Promise<number> {
    const endAnyway = () => {
      setTimeout(() => process.exit(this.#tellEnd()), LONGEST_END_MS).unref();
    };
    this.#stop.addEventListener("abort", endAnyway, { once: true });
    if (this.#stop.aborted) endAnyway();
    try {
      await this.#work();
    } catch (error) {
      this.#fail(error);
    }
    const last = new SourceCalls(this.#caller.once());
    await this.#look(last, LAST_LOOK_MS).catch(() => {}); // The worker has committed what was here.
    await this.#pool.end();
    return this.#tellEnd();
  }

  async #work(): Promise<void> {
    const config = this.#config;
    const log = this.#log;
    await startHealth(config);
    try {
      await install(config, log, this.#told, () => process.exit(this.#tellEnd()));
    } catch (error) {
      this.#fail(error); // From now on it ends, whatever hangs.
      await closeHealth(); // Its connection to the database would keep the process alive.
      throw error;
    }
    let watching: Promise<void> = Promise.resolve();
    const code = await runWorker(config, log, this.#stop, async () => {
      await this.#begin().catch((error) => {
        this.#fail(error);
        throw error;
      });
      watching = this.#watch()
        .catch((error) => {
          if (!this.#stop.aborted) this.#failure = failureOf(error);
        })
        .finally(() => this.#isOver.abort());
    });
    this.#isOver.abort();
    await watching;
    if (code !== 0) this.#failure ??= ended();
  }

  /** What went wrong ends the process, unless it was told to end. */
  #fail(error: unknown): void {
    if (!this.#told.aborted) this.#failure ??= failureOf(error);
    this.#isOver.abort();
  }

  /** One after the other, each in its own transaction: whatever is repeated changes nothing. */
  async #begin(): Promise<void> {
    const { dataset, target } = this.#start;
    const calls = new SourceCalls(this.#caller.until(this.#stop));
    this.#figures = new IngestionFigures(this.#startedAt, await calls.ingestReport(dataset));
    const { state, hint } = await calls.enqueueHttp(this.#start);
    // Whoever starts the process again has done something about it, and does not want to wait for the next retry.
    if (state === "failed" || state === "retrying") await calls.resumeSync(dataset);
    await calls.createSeedViews(dataset);
    const rests = state === "paused" || state === "complete"; // Then nothing happens before somebody does what the hint says.
    this.#lines.info("ingestion_started", {
      table: target,
      state,
      ...(rests && hint !== null ? { hint } : {}),
    });
  }

  /** Until the source is complete, or has failed with what nobody can mend while this process runs. */
  async #watch(): Promise<void> {
    const calls = new SourceCalls(this.#caller.until(this.#stop));
    let toldAt = performance.now();
    while (!this.#stop.aborted) {
      const report = await this.#look(calls).catch((error) => {
        if (!isTransient(error)) throw error;
        return null; // The log has told, and the worker waits for the database as well.
      });
      this.#failure = report === null ? null : this.#failureIn(report);
      if (this.#isComplete || this.#failure !== null) return;
      if (performance.now() - toldAt >= TELL_MS) {
        toldAt = performance.now();
        this.#lines.info("ingestion_progress", this.#figures.progress());
      }
      await pause(LOOK_MS, undefined, { signal: this.#stop }).catch(() => {});
    }
  }

  async #look(calls: SourceCalls, answerMs?: number): Promise<SourceReport> {
    const { dataset } = this.#start;
    const report = await calls.ingestReport(dataset, answerMs);
    if (report === null) {
      throw new AmpsyncError("SY003", `${dataset} is no HTTP source any more`, {
        detail: "It was dropped while it was read.",
        hint: "Start ampsync ingest again.",
      });
    }
    this.#figures.saw(report, performance.now());
    this.#isComplete = report.state === "complete";
    return report;
  }

  #failureIn({ state, error, attempts }: SourceReport): Failure | null {
    if (error === null) return null;
    const failure = { ...error, code: error.code ?? "SY104", message: error.message ?? "the source failed" };
    if (state === "failed") return failure;
    // What was good may be so again. Trouble of before a resumption counts no attempt.
    if (attempts === 0 || this.#figures.hasMoved) return null;
    const { code } = failure;
    const isSetting = code === "SY305" || code === "SY306"; // Of this process: nobody can mend it while it runs.
    if (!isSetting && code !== "SY105") return null;
    // But a file with the key may be replaced.
    const isFile = this.#start.key.file !== null;
    if (isFile && (code === "SY105" || this.#config.httpSecret(API_KEY) === null)) return null;
    if (isSetting) return failure;
    const hint = `Correct API_KEY. Where the API wants it elsewhere than in the header X-API-Key, "auth" in API_SOURCE_FILE says so.`;
    return { ...failure, hint };
  }

  /** Writes the last line, once; returns the exit code. */
  #tellEnd(): number {
    const isFirst = !this.#hasTold;
    this.#hasTold = true;
    const figures = this.#figures.summary(performance.now());
    if (isFirst && this.#failure !== null) {
      const { code, message: error, detail: cause, hint } = this.#failure;
      this.#lines.error("ingestion_failed", { code, error, cause, hint, ...figures });
    } else if (isFirst && this.#isComplete) {
      this.#lines.info("ingestion_complete", { message: "ingestion complete", ...figures });
    } else if (isFirst) {
      this.#lines.info("ingestion_interrupted", { message: "ingestion interrupted", ...figures });
    }
    return this.#failure === null ? 0 : 1;
  }
}

function ended(): Failure {
  return failureOf(
    new AmpsyncError("SY104", "the worker ended without being told to", {
      detail: "The lines before this one say why.",
      hint: "Start ampsync ingest again: it goes on where it was.",
    }),
  );
}
