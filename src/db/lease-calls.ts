import type { Failure } from "../model/failure.ts";
import type { Caller } from "./caller.ts";

/** Shorter than the rest of a lease when the second beat in a row fails. */
const HEARTBEAT_ANSWER_MS = 10_000;
/** The same limit on the server, a little shorter. */
export const HEARTBEAT_TIMEOUT = "8s";

/** The right to write a stream, until another worker is granted a later epoch of it. */
export interface Lease {
  readonly streamId: bigint;
  readonly epoch: bigint;
}

/** A worker as ampsync.workers shows it: where it runs, what it is, how many streams it takes at once. */
export interface WorkerProcess {
  readonly workerId: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly slots: number;
}

/** What a heartbeat reports about a lease. */
export interface LeaseReport extends Lease {
  readonly head: { readonly block: bigint; readonly network: string } | null;
  /** For how many seconds its writer has waited for PostgreSQL; null while it does not wait. */
  readonly writerWaitsS: number | null;
  /** What else its pass waits for, and for how many seconds. */
  readonly waits: string | null;
  readonly waitsS: number | null;
  /** Its writer has waited for PostgreSQL so long that the database checks whether its transaction still works. */
  readonly isWriterSilent: boolean;
  /** Whether its pass holds data that is not committed; null: this beat does not say. */
  readonly holds: boolean | null;
}

export type Verdict = "keep" | "yield" | "end" | "lost" | "severed";

/** What the answer to a heartbeat says about a lease. */
export interface Renewed {
  readonly verdict: Verdict;
  /** The stored state of the stream; null if the lease is lost. */
  readonly state: string | null;
}

export type PassOutcome = "yielded" | "no_data" | "ended" | "failed" | "rested" | "done";

/** How a pass ended, as end_pass is told. */
export interface PassEnd {
  readonly outcome: PassOutcome;
  readonly failure: Failure | null;
  /** When the next pass is due, in microseconds by the clock of the database; null: the database decides. */
  readonly dueUs: bigint | null;
}

/** The calls of workers, passes and the supervisor, whatever the source of a stream. One method per SQL function. */
export class LeaseCalls {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  async registerWorker({ workerId, host, pid, version, slots }: WorkerProcess): Promise<void> {
    await this.#caller.call("select ampsync_worker.register_worker($1, $2, $3, $4, $5)", [
      workerId,
      host,
      pid,
      version,
      slots,
    ]);
  }

  async renewLeases(
    workerId: string,
    reports: readonly LeaseReport[],
  ): Promise<ReadonlyMap<bigint, Renewed>> {
    const leases = reports.map((lease) => ({
      stream_id: lease.streamId.toString(),
      epoch: lease.epoch.toString(),
      head: lease.head?.block.toString() ?? null,
      network: lease.head?.network ?? null,
      writer_waits_s: lease.writerWaitsS,
      waits: lease.waits,
      waits_s: lease.waitsS,
      writer_silent: lease.isWriterSilent,
      holds: lease.holds,
    }));
    const { rows } = await this.#caller.call(
      "select * from ampsync_worker.renew_leases($1, $2)",
      [workerId, JSON.stringify(leases)],
      HEARTBEAT_ANSWER_MS,
    );
    return new Map(rows.map(({ stream_id, verdict, state }) => [stream_id, { verdict, state }]));
  }

  /** Returns the suspects of the next look: workers that seem to be dead, and are not known to be. */
  async findDeadWorkers(workerId: string, suspects: readonly string[]): Promise<readonly string[]> {
    const { rows } = await this.#caller.call(
      "select ampsync_worker.find_dead_workers($1, $2) as suspects",
      [workerId, suspects],
      HEARTBEAT_ANSWER_MS,
    );
    return rows[0].suspects;
  }

  async noteHolding({ streamId, epoch }: Lease, holds: boolean): Promise<void> {
    await this.#caller.call("select ampsync_worker.note_holding($1, $2, $3)", [streamId, epoch, holds]);
  }

  /** `epoch` is null for a pass that got no lease. */
  async endPass(streamId: bigint, epoch: bigint | null, { outcome, failure, dueUs }: PassEnd): Promise<void> {
    await this.#caller.call(
      `select ampsync_worker.end_pass($1, $2, $3, $4,
         timestamptz '1970-01-01 00:00:00+00' + $5::bigint * interval '1 microsecond')`,
      [streamId, epoch, outcome, failure, dueUs],
    );
  }

  async scheduleSupervision(): Promise<void> {
    await this.#caller.call("select ampsync_worker.schedule_supervision()");
  }

  /** Looks after change capture; the state that it has now, if it had another one, else null. */
  async superviseCapture(): Promise<string | null> {
    const { rows } = await this.#caller.call("select ampsync_worker.supervise_capture() as state");
    return rows[0].state;
  }

  async announceCapture(state: string): Promise<void> {
    await this.#caller.call("select ampsync_worker.announce_capture($1)", [state]);
  }

  /** Returns how many jobs were queued. */
  async supervise(): Promise<number> {
    const { rows } = await this.#caller.call("select ampsync_worker.supervise() as queued");
    return rows[0].queued;
  }

  /** Makes published tables of datasets live. Returns how many. */
  async activateTargets(): Promise<number> {
    const { rows } = await this.#caller.call("select ampsync_worker.activate_targets() as live");
    return rows[0].live;
  }

  /** Looks whether captured tables are other than noted. Returns how many looks are on their way since. */
  async lookAtTables(): Promise<number> {
    const { rows } = await this.#caller.call("select ampsync_worker.look_at_tables() as sent");
    return rows[0].sent;
  }

  /** Removes dead gateways with their sessions, and queues snapshots of dead jobs again. Returns how many of both. */
  async superviseDelivery(): Promise<number> {
    const { rows } = await this.#caller.call("select ampsync_worker.supervise_delivery() as mended");
    return rows[0].mended;
  }

  /** Deletes a batch of old events. Returns how many. */
  async pruneEvents(): Promise<number> {
    const { rows } = await this.#caller.call("select ampsync_worker.prune_events() as pruned");
    return rows[0].pruned;
  }

  /** Drops the former tables of one dataset whose time is over. Returns how many. */
  async pruneFormers(): Promise<number> {
    const { rows } = await this.#caller.call("select ampsync_worker.prune_formers() as dropped");
    return rows[0].dropped;
  }

  /** Deletes the rate limits that no source has any more. Returns how many rows. */
  async pruneLimits(): Promise<number> {
    const { rows } = await this.#caller.call("select ampsync_worker.prune_limits() as pruned");
    return rows[0].pruned;
  }
}
