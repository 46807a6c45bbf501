import { Condition } from "../commit/condition.ts";
import { IngestCalls, type IngestStart, type StoredPart } from "../db/ingest-calls.ts";
import { LeaseCalls, type PassEnd } from "../db/lease-calls.ts";
import { StreamCalls, type StreamLease } from "../db/stream-calls.ts";
import { AmpsyncError } from "../errors.ts";
import type { NulPolicy } from "../http/clean-records.ts";
import { PassControl } from "../lease/pass-control.ts";
import { PassStatus } from "../lease/pass-status.ts";
import type { Log } from "../log.ts";
import type { RequestMetrics } from "../metrics/source-metrics.ts";
import { type Failure, failureOf } from "../model/failure.ts";
import { STAGING_BYTES } from "../model/limits.ts";
import { Permits } from "../model/permits.ts";
import type { Slots } from "./concurrency.ts";
import { connectionRoom } from "./connection-room.ts";
import type { IngestContext } from "./ingest-context.ts";
import type { IngestDeps } from "./ingest-deps.ts";
import { DONE, endsUntil, limitedFor, restsUntil, YIELDED } from "./ingest-end.ts";
import type { Page } from "./page.ts";
import { writePages } from "./page-commit.ts";
import { PageQueue } from "./page-queue.ts";
import { PageReader, type PartEnd } from "./page-reader.ts";
import { Part } from "./part.ts";
import { PassNotes } from "./pass-notes.ts";
import { PermitDesk } from "./permit-desk.ts";
import { readSource, type Source } from "./source.ts";
import { turnToWrite } from "./turn-to-write.ts";

/** How many parts the database opens at most, and how few are left when the next ones are. */
const OPEN_PARTS = 100;
const FEW_PARTS = 50;

/**
 * One pass of an HTTP source, under its lease: what is to be read is asked for, then all parts are read at once, each page
 * after page, until nothing is left to ask for, or the pass has to end.
 *
 * Resolves when it is over; rejects with whatever else ended it. What was not committed by then is gone, and will be asked
 * for again.
 */
export async function runIngest(
  deps: IngestDeps,
  lease: StreamLease,
  shutdown: AbortSignal,
): Promise<PassEnd> {
  const times = { ...deps.limits, shutdownMs: deps.limits.answersMs };
  using control = new PassControl(shutdown, times, () => false);
  const { signal } = control;
  const shows = new StreamCalls(deps.caller.once().leaving(signal));
  const showFailure = async (failure: Failure) => {
    await shows.markRetrying(lease, failure).catch(() => {}); // Shown next time.
  };
  const caller = deps.caller.until(signal, (error) => showFailure(failureOf(error))).leaving(signal);
  const calls = new IngestCalls(caller);
  const status = new PassStatus(lease, new LeaseCalls(caller), {
    onVerdict: (verdict) => control.heed(verdict),
    onState: () => {},
  });
  using _kept = deps.heartbeat.keep(status);
  if (shutdown.aborted) return YIELDED;
  try {
    const start = await calls.beginIngest(lease);
    await deps.faults.reach("target_prepared");
    await using pass = new IngestPass({ deps, lease, calls, control, status, start, showFailure });
    return await pass.run().catch((error) => {
      if (error instanceof AmpsyncError && error.retryAfterS !== null) {
        return endsUntil(error, pass.nowUs() + microseconds(error.retryAfterS * 1_000));
      }
      throw error;
    });
  } catch (error) {
    if (signal.aborted && control.failure === null) return YIELDED;
    throw control.failure ?? error;
  }
}

interface PassParts extends Pick<IngestContext, "deps" | "lease" | "calls" | "control" | "status"> {
  readonly start: IngestStart;
  readonly showFailure: (failure: Failure) => Promise<void>;
}

class IngestPass implements IngestContext, AsyncDisposable {
  readonly deps: IngestDeps;
  readonly lease: StreamLease;
  readonly calls: IngestCalls;
  readonly control: PassControl;
  readonly status: PassStatus;
  readonly source: Source;
  readonly nulPolicy: NulPolicy;
  readonly log: Log;
  readonly requests: RequestMetrics;
  readonly slots: Slots;
  readonly desk: PermitDesk;
  readonly queue: PageQueue;
  readonly notes: PassNotes;
  readonly stop: AbortSignal;
  readonly showFailure: (failure: Failure) => Promise<void>;
  /** A part failed: the others end as well. */
  readonly #failed = new AbortController();
  #failure: { readonly error: unknown } | null = null;
  /** A connection took a request. */
  readonly #sent = new Condition();
  /** One at a time: a commit, or a look at what is stored. */
  readonly #exclusive = new Permits(1);
  #start: IngestStart;
  #startedAt = performance.now();
  /** Bytes copied since then. */
  #copied = 0;
  #commits = 0;

  constructor({ deps, lease, calls, control, status, start, showFailure }: PassParts) {
    const { http } = deps;
    this.deps = deps;
    this.lease = lease;
    this.calls = calls;
    this.control = control;
    this.status = status;
    this.showFailure = showFailure;
    this.#start = start;
    this.source = readSource(lease.dataset, start.source);
    this.nulPolicy = start.nulPolicy;
    this.log = deps.log.part("ingest").with({ dataset: lease.dataset, table: lease.tableName });
    this.requests = http.metrics.of(lease.dataset, lease.tableName);
    this.slots = http.slots.of(lease.streamId, this.source.concurrency);
    this.notes = new PassNotes(calls, lease, this.log);
    this.stop = AbortSignal.any([control.yielding, control.signal, this.#failed.signal]);
    this.queue = new PageQueue({
      permits: turnToWrite(this.#exclusive, status.shown(deps.permits)),
      budget: deps.budget,
      write: (pages, signal) => this.#write(pages, signal),
      onCommitted: () => {
        this.#commits++;
        status.committed(!this.queue.isEmpty);
      },
      onFailed: (error) => control.fail(error),
      abandoned: control.abandoned,
    });
    this.desk = new PermitDesk({
      bucket: start.bucket,
      streamId: lease.streamId,
      calls: new IngestCalls(deps.caller),
      room: (underWay) => this.#room(underWay),
      changed: () => Promise.race([this.queue.changed, this.#sent.next]),
      stop: this.stop,
      onWaits: (what) => {
        status.waitsFor(what);
        this.queue.expectMore(what !== "limit");
      },
      onTrouble: (error) => showFailure(failureOf(error)),
    });
  }

  async run(): Promise<PassEnd> {
    while (true) {
      const { parts } = this.#start;
      if (parts.length === 0) return DONE; // Or the next run is not due: the database knows when.
      const ends = await this.#read(parts);
      const { limitedMs } = this.desk;
      if (limitedMs !== null) {
        return limitedFor(limitedMs, this.notes.limit, { bucket: this.#start.bucket, nowUs: this.nowUs() });
      }
      if (this.stop.aborted) return YIELDED;
      const waits = ends.flatMap((end) => (end.kind === "waits" ? [end.untilUs] : []));
      if (waits.length === ends.length) {
        return restsUntil(waits.reduce((first, each) => (each < first ? each : first)));
      }
      await this.#begin();
    }
  }

  /**
   * Reads these parts at once; where a range has more windows than are open, the next ones as soon as few are left, so that
   * a slow one holds up no other. When one fails the others end; what came whole is committed in any case.
   */
  async #read(parts: readonly StoredPart[]): Promise<readonly PartEnd[]> {
    const ends: PartEnd[] = [];
    const begun = new Set<string>();
    const reads = new Map<string, Promise<void>>();
    const begin = (stored: StoredPart): void => {
      if (begun.has(stored.part)) return;
      begun.add(stored.part);
      const read = this.#readPart(new Part(stored)).then((end) => {
        ends.push(end);
        reads.delete(stored.part);
      });
      reads.set(stored.part, read);
    };
    for (const stored of parts) begin(stored);
    while (reads.size > 0) {
      await Promise.race(reads.values());
      const isFull = this.#start.parts.length >= OPEN_PARTS;
      if (!isFull || reads.size === 0 || reads.size > FEW_PARTS || this.stop.aborted) continue;
      const ended = [...begun].filter((part) => !reads.has(part));
      for (const stored of await this.#openMore(ended)) begin(stored);
    }
    await this.queue.settle();
    if (this.#failure === null) return ends;
    const { error } = this.#failure;
    throw error;
  }

  async #readPart(part: Part): Promise<PartEnd> {
    try {
      return await new PageReader(this, part).read();
    } catch (error) {
      this.#failure ??= { error };
      this.#failed.abort();
      return { kind: "stopped" };
    }
  }

  /** The parts that are open once those that have ended here have done so in the database. */
  async #openMore(ended: readonly string[]): Promise<readonly StoredPart[]> {
    try {
      await Promise.all(ended.map((part) => this.queue.settle(part)));
      using _turn = await this.#exclusive.take(this.control.signal);
      await this.#begin();
      return this.#start.parts;
    } catch (error) {
      this.#failure ??= { error };
      this.#failed.abort();
      return [];
    }
  }

  async #begin(): Promise<void> {
    this.#start = await this.calls.beginIngest(this.lease);
    this.#startedAt = performance.now();
    this.#copied = 0;
  }

  /** In its turn. */
  async #write(pages: readonly Page[], signal: AbortSignal): Promise<void> {
    const { deps, lease, status } = this;
    // What is here when the pass ends is written into the staging table that is there: nothing is asked any more.
    if (this.#copied >= STAGING_BYTES && !this.control.signal.aborted) await this.#begin();
    const { stagingSchema: schema, stagingTable: table } = this.#start;
    const options = { pool: deps.pool, wait: status.writerWait, faults: deps.faults, signal };
    const size = await writePages(lease, { schema, table }, pages, options);
    this.#copied += size.bytes;
    deps.metrics.of(lease.dataset, lease.tableName).committed(size);
    this.requests.pages(pages.length);
    this.log.debug("pages_saved", { pages: pages.length, records: size.rows });
  }

  async restart(part: Part, error: AmpsyncError): Promise<boolean> {
    await this.queue.settle(part.part);
    using _turn = await this.#exclusive.take(this.control.signal);
    await this.calls.restartRun(this.lease, part.part, failureOf(error));
    this.log.warn("run_restarted", { part: part.part, error: error.message });
    await this.#begin();
    const stored = this.#start.parts.find((each) => each.part === part.part);
    if (stored === undefined) return false;
    part.begin(stored);
    return true;
  }

  #room(underWay: number): number {
    const { slots, queue, source, deps } = this;
    const { client } = deps.http;
    const connections = connectionRoom(client, new URL(source.url), source.concurrency.max);
    return Math.min(slots.count - underWay, queue.room, connections);
  }

  get commits(): number {
    return this.#commits;
  }

  nowUs(): bigint {
    return this.#start.nowUs + microseconds(performance.now() - this.#startedAt);
  }

  sent(): void {
    this.#sent.notifyAll();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.desk[Symbol.asyncDispose]();
    await this.queue[Symbol.asyncDispose]();
  }
}

function microseconds(ms: number): bigint {
  return BigInt(Math.ceil(ms * 1_000));
}
