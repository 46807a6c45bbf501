import type { CapturedTable } from "../model/captured-table.ts";
import type { Failure } from "../model/failure.ts";
import { lsnOf, lsnText } from "../model/lsn.ts";
import type { Caller } from "./caller.ts";

/** What a pass begins with. */
export interface CaptureStart {
  readonly mode: "stream" | "poll";
  readonly slot: string;
  /** The end of the newest transaction in the log. */
  readonly startLsn: bigint;
  readonly pollIntervalMs: number;
}

/** The right to store: later passes have a higher one, and end it. */
export interface Capture {
  readonly generation: bigint;
  /** The commit of the newest transaction in the log. */
  readonly commitLsn: bigint | null;
  readonly mode: "stream" | "poll";
  /** The commit of a transaction that is to be stored as empty. */
  readonly skipLsn: bigint | null;
}

export interface Stored {
  readonly commitLsn: bigint;
  readonly endLsn: bigint;
  /** What is published, where that changed. */
  readonly tables: readonly CapturedTable[] | null;
  /** What comes behind `endLsn` was not stored: the tables are others than those the lines were made with. */
  readonly mustReread: boolean;
}

/** What is shown of a pass beside what it has stored. */
export interface CaptureReport {
  /** How far the server has sent; null: no further than is stored. */
  readonly received: bigint | null;
  /** How long a look at WAL takes; null: not long. */
  readonly lookMs: number | null;
}

export type CaptureOutcome = "rested" | "failed" | "replaced" | "slot_busy";

/** Longer than the call of a large transaction's last part takes, which may first make room for it. */
const STORE_MS = 60_000;

/** The calls of capture's pass. One method per SQL function. */
export class CaptureCalls {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Null where nothing is to be done, or another living worker does it. */
  async beginCapture(workerId: string): Promise<CaptureStart | null> {
    const { rows } = await this.#caller.call("select ampsync_worker.begin_capture($1) as start", [workerId]);
    const start = rows[0].start;
    if (start === null) return null;
    return {
      mode: start.mode,
      slot: start.slot,
      startLsn: lsnOf(start.start_lsn),
      pollIntervalMs: Number(start.poll_interval_ms),
    };
  }

  /** To be called once the slot is ours. */
  async takeCapture(workerId: string): Promise<Capture> {
    const { rows } = await this.#caller.call("select ampsync_worker.take_capture($1) as taken", [workerId]);
    const { taken } = rows[0];
    return {
      generation: BigInt(taken.generation),
      commitLsn: lsnOrNull(taken.commit_lsn),
      mode: taken.mode,
      skipLsn: lsnOrNull(taken.skip_lsn),
    };
  }

  async capturedTables(): Promise<readonly CapturedTable[]> {
    const { rows } = await this.#caller.call("select ampsync_worker.captured_tables() as tables");
    return rows[0].tables ?? [];
  }

  /** Lines of the transaction that is under way; nobody sees them before it is committed. */
  async storeChanges({ generation }: Pick<Capture, "generation">, lines: string): Promise<void> {
    await this.#caller.call(
      "select ampsync_worker.store_changes($1, $2)",
      [String(generation), lines],
      STORE_MS,
    );
  }

  /** Whole transactions. When it returns they are in the log, and stay there. */
  async commitCapture(
    { generation, commitLsn }: Pick<Capture, "generation" | "commitLsn">,
    transactions: string,
    lines: string,
  ): Promise<Stored> {
    const { rows } = await this.#caller.call(
      "select ampsync_worker.commit_capture($1, $2, $3, $4) as stored",
      [String(generation), commitLsn === null ? null : lsnText(commitLsn), transactions, lines],
      STORE_MS,
    );
    const { stored } = rows[0];
    return {
      commitLsn: lsnOrNull(stored.commit_lsn) ?? 0n,
      endLsn: lsnOrNull(stored.end_lsn) ?? 0n,
      tables: stored.tables ?? null,
      mustReread: stored.reread === true,
    };
  }

  /**
   * All below that place is in the log, though no transaction ends there. `beat`: the content of the message there, if it is
   * one of those that the supervisor sends; the database knows its own.
   */
  async storeIdle(
    { generation }: Pick<Capture, "generation">,
    lsn: bigint,
    beat: string | null,
  ): Promise<void> {
    await this.#caller.call("select ampsync_worker.store_idle($1, $2, $3)", [
      String(generation),
      lsnText(lsn),
      beat,
    ]);
  }

  async reportCapture(
    { generation }: Pick<Capture, "generation">,
    { received, lookMs }: CaptureReport,
  ): Promise<void> {
    await this.#caller.call("select ampsync_worker.report_capture($1, $2, $3)", [
      String(generation),
      received === null ? null : lsnText(received),
      lookMs,
    ]);
  }

  /** How WAL has to be read by now. */
  async captureTransport(): Promise<"stream" | "poll" | null> {
    const { rows } = await this.#caller.call("select ampsync_worker.capture_transport() as transport");
    return rows[0].transport;
  }

  async notifyLog(): Promise<void> {
    await this.#caller.call("select pg_notify('ampsync_log', '')");
  }

  /** Also queues the next pass. `lsn`: the commit of the transaction that could not be read or stored. */
  async endCapture(
    workerId: string,
    generation: bigint | null,
    outcome: CaptureOutcome,
    failure: (Failure & { readonly lsn: string | null }) | null,
  ): Promise<void> {
    await this.#caller.call("select ampsync_worker.end_capture($1, $2, $3)", [
      workerId,
      generation === null ? null : String(generation),
      JSON.stringify({ outcome, ...(failure !== null && { error: cleaned(failure, this.#caller) }) }),
    ]);
  }
}

function lsnOrNull(text: string | null | undefined): bigint | null {
  return text === null || text === undefined ? null : lsnOf(text);
}

function cleaned(failure: Failure & { readonly lsn: string | null }, { clean }: Caller): object {
  const entries = Object.entries(failure).map(([key, text]) => [key, text && clean(text)]);
  return Object.fromEntries(entries);
}
