import { setTimeout as pause } from "node:timers/promises";
import { Paced } from "../commit/paced.ts";
import type { Caller } from "../db/caller.ts";
import { CaptureCalls, type CaptureOutcome, type CaptureStart } from "../db/capture-calls.ts";
import type { Faults } from "../fault-points.ts";
import { delayed } from "../lease/delayed.ts";
import type { Log } from "../log.ts";
import { type Failure, failureOf, textOf } from "../model/failure.ts";
import { LAST_CALLS_MS, PASS_MS, SHUTDOWN_MS } from "../model/limits.ts";
import { lsnText } from "../model/lsn.ts";
import { CaptureSession } from "./capture-session.ts";
import { Polling } from "./polling.ts";
import { Progress } from "./progress.ts";
import { Replication, type Transport } from "./replication.ts";

const PUBLICATION = "ampsync";
const SLOT_IN_USE = "55006";
/** The server starts, or stops. */
const CANNOT_CONNECT_NOW = "57P03";
/** How long a walsender of this pass may take to end, and how often that is looked at. */
const OWN_END_MS = 5_000;
const OWN_END_POLL_MS = 50;
/** How often the database hears how far the server has sent, if something came. */
const REPORT_MS = 2_000;
/** What the last notification of a pass may take: listeners also poll. */
const LAST_NOTIFICATION_MS = 500;

/** The connections of one pass: for its calls in turn, and for what is told beside them. */
export interface CaptureConnections extends AsyncDisposable {
  readonly caller: Caller;
  readonly aside: Caller;
}

export interface CaptureDeps {
  /** Of the database. */
  readonly url: string;
  readonly log: Log;
  readonly faults: Faults;
  /** Tells why none could be made, each time. */
  readonly connect: (onRefused: (error: unknown) => void) => CaptureConnections;
  /** By default that of all passes. */
  readonly passMs?: number;
  /** How long a server that sends changes may be silent; by default as long as it gives us. */
  readonly silenceMs?: number;
}

interface CaptureJob {
  readonly workerId: string;
  readonly shutdown: AbortSignal;
}

/**
 * One pass of capture: reads what follows the newest transaction of the log from the slot, until its time is over. Nothing
 * is thrown to the queue: one call tells how it ended, and the database queues the next one.
 */
export async function capturePass(deps: CaptureDeps, job: CaptureJob): Promise<void> {
  let pass: CapturePass | null = null;
  await using connections = deps.connect((error) => pass?.heed(error));
  pass = new CapturePass(deps, connections, job);
  await pass.run();
}

class CapturePass {
  readonly #deps: CaptureDeps;
  readonly #connections: CaptureConnections;
  readonly #job: CaptureJob;
  readonly #log: Log;
  #session: CaptureSession | null = null;
  #generation: bigint | null = null;
  #isTimeUp = false;
  /** It reads in a way in which it must not read any more. */
  #isMisplaced = false;

  constructor(deps: CaptureDeps, connections: CaptureConnections, job: CaptureJob) {
    this.#deps = deps;
    this.#connections = connections;
    this.#job = job;
    this.#log = deps.log.part("capture");
  }

  /** A server that stops waits for its walsenders, and they for a reader that waits until its call can be repeated. */
  heed(error: unknown): void {
    if (textOf(error, "code") === CANNOT_CONNECT_NOW) this.#session?.leave();
  }

  async run(): Promise<void> {
    const { faults, passMs = PASS_MS } = this.#deps;
    const { workerId, shutdown } = this.#job;
    using last = delayed(shutdown, SHUTDOWN_MS + LAST_CALLS_MS);
    const calls = new CaptureCalls(this.#connections.caller.until(shutdown).leaving(last.signal));
    const stop = () => this.#session?.stop();
    const timer = setTimeout(() => {
      this.#isTimeUp = true;
      this.#session?.yield();
    }, passMs);
    shutdown.addEventListener("abort", stop);
    try {
      const end = await this.#outcome(calls, last.signal);
      if (end === null) return;
      await faults.reach("capture_before_end");
      await calls.endCapture(workerId, this.#generation, end.outcome, end.failure);
    } catch (error) {
      // The supervisor finds out.
      this.#log.warn("capture_end_lost", { generation: this.#generation, error: String(error) });
    } finally {
      clearTimeout(timer);
      shutdown.removeEventListener("abort", stop);
    }
  }

  async #outcome(calls: CaptureCalls, last: AbortSignal) {
    try {
      let mustReread = true;
      while (mustReread && !this.#job.shutdown.aborted && !this.#isTimeUp) {
        const start = await calls.beginCapture(this.#job.workerId);
        if (start === null) return null; // Whoever has it queues the next pass.
        mustReread = await this.#read(start, calls, last);
      }
      if (this.#generation === null) return null;
      this.#log.debug("capture_rests", { generation: this.#generation });
      return { outcome: "rested" as const, failure: null };
    } catch (error) {
      if (this.#job.shutdown.aborted || this.#isMisplaced)
        return { outcome: "rested" as const, failure: null };
      return this.#failed(error);
    }
  }

  /** True if what was read is to be read again, with other tables. */
  async #read(start: CaptureStart, calls: CaptureCalls, last: AbortSignal): Promise<boolean> {
    const { url, faults, silenceMs } = this.#deps;
    const { slot, startLsn, mode, pollIntervalMs } = start;
    await faults.reach("capture_begun");
    const { workerId, shutdown: signal } = this.#job;
    const options = { url, slot, workerId, startLsn, publication: PUBLICATION, signal };
    const silence = silenceMs === undefined ? {} : { silenceMs };
    await using replication = await this.#open(() =>
      mode === "poll"
        ? Polling.open({ ...options, intervalMs: pollIntervalMs })
        : Replication.open({ ...options, ...silence }),
    );
    const capture = await calls.takeCapture(this.#job.workerId);
    this.#generation = capture.generation;
    await faults.reach("capture_taken");
    this.#log.info("capture_taken", { generation: capture.generation, slot, from: lsnText(startLsn) });
    if (capture.mode !== mode) return false; // Another one of that mode is to read: the next pass.
    // Others may have read since the pass began: what is noted goes with where the log stands.
    const tables = await calls.capturedTables();
    const aside = new CaptureCalls(this.#connections.aside.once().leaving(last));
    const notifier = new Paced(() => aside.notifyLog().then(() => false), this.#log);
    const session = new CaptureSession({ replication, calls, notifier, faults, startLsn, tables, capture });
    this.#session = session;
    if (this.#job.shutdown.aborted) session.stop();
    if (this.#isTimeUp) session.yield();
    const progress = new Progress();
    const reports = setInterval(() => {
      if (mode === "stream") void this.#checkTransport(aside, session);
      const report = progress.of(session);
      if (report !== null) void aside.reportCapture(capture, report).catch(() => {}); // Shown next time.
    }, REPORT_MS);
    try {
      const end = await session.run();
      if (end === "reread") this.#log.info("capture_rereads", { generation: capture.generation });
      return end === "reread";
    } finally {
      clearInterval(reports);
      await Promise.race([notifier.stop(), pause(LAST_NOTIFICATION_MS, undefined, { ref: false })]);
    }
  }

  /** A server that takes this stream for a standby lets commits wait for it, those of this pass as well. */
  async #checkTransport(aside: CaptureCalls, session: CaptureSession): Promise<void> {
    const transport = await aside.captureTransport().catch(() => null); // It is asked again.
    if (transport !== "poll" || this.#isMisplaced) return;
    this.#isMisplaced = true;
    this.#log.info("capture_leaves_stream", { generation: this.#generation });
    session.leave();
  }

  /** The walsender of its own last session may need a moment to end. */
  async #open(attempt: () => Promise<Transport>): Promise<Transport> {
    const deadline = performance.now() + OWN_END_MS;
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        const isOwn = textOf(error, "code") === SLOT_IN_USE && this.#generation !== null;
        if (!isOwn || performance.now() > deadline || this.#job.shutdown.aborted) throw error;
        await pause(OWN_END_POLL_MS);
      }
    }
  }

  #failed(error: unknown): { outcome: CaptureOutcome; failure: (Failure & { lsn: string | null }) | null } {
    const failure = failureOf(error);
    const { code, message, hint } = failure;
    const fields = { generation: this.#generation, code, error: message };
    if (code === "SY001") {
      this.#log.info("capture_replaced", fields);
      return { outcome: "replaced", failure: null };
    }
    if (code === SLOT_IN_USE && this.#generation === null) {
      this.#log.info("capture_slot_busy", fields);
      return { outcome: "slot_busy", failure: null };
    }
    const underWay = this.#session?.underWay ?? null;
    const lsn = underWay === null ? null : lsnText(underWay);
    this.#log.warn("capture_ended", { ...fields, ...(lsn !== null && { lsn }), hint });
    return {
      outcome: "failed",
      failure: { ...failure, detail: failure.detail ?? textOf(error, "detail"), lsn },
    };
  }
}
