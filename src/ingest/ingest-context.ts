import type { IngestCalls } from "../db/ingest-calls.ts";
import type { StreamLease } from "../db/stream-calls.ts";
import type { AmpsyncError } from "../errors.ts";
import type { NulPolicy } from "../http/clean-records.ts";
import type { PassControl } from "../lease/pass-control.ts";
import type { PassStatus } from "../lease/pass-status.ts";
import type { Log } from "../log.ts";
import type { RequestMetrics } from "../metrics/source-metrics.ts";
import type { Failure } from "../model/failure.ts";
import type { Slots } from "./concurrency.ts";
import type { IngestDeps } from "./ingest-deps.ts";
import type { PageQueue } from "./page-queue.ts";
import type { Part } from "./part.ts";
import type { PassNotes } from "./pass-notes.ts";
import type { PermitDesk } from "./permit-desk.ts";
import type { Source } from "./source.ts";

/** What the parts of one pass of an HTTP source share. */
export interface IngestContext {
  readonly deps: IngestDeps;
  readonly lease: StreamLease;
  readonly calls: IngestCalls;
  readonly log: Log;
  readonly requests: RequestMetrics;
  readonly control: PassControl;
  readonly status: PassStatus;
  readonly source: Source;
  readonly nulPolicy: NulPolicy;
  readonly slots: Slots;
  readonly desk: PermitDesk;
  readonly queue: PageQueue;
  readonly notes: PassNotes;
  /** No further request is to be sent. */
  readonly stop: AbortSignal;
  /** How many there were in this pass. */
  readonly commits: number;
  /** The clock of the database, in microseconds. */
  nowUs(): bigint;
  /** A connection took a request. */
  sent(): void;
  /** Shows what requests of this pass fail with, until the next commit. */
  showFailure(failure: Failure): Promise<void>;
  /**
   * The run of a part begins again: what follows its position cannot be asked for any more. False if there is nothing left
   * to ask for.
   */
  restart(part: Part, error: AmpsyncError): Promise<boolean>;
}
