import type { Failure } from "../model/failure.ts";
import type { Caller } from "./caller.ts";
import type { Lease } from "./lease-calls.ts";

/** What the pass of an HTTP source begins with: what to ask for, and where to write. */
export interface IngestStart {
  /** The definition with every default, as JSON. */
  readonly source: string;
  readonly stagingSchema: string;
  readonly stagingTable: string;
  readonly bucket: string;
  readonly nulPolicy: "replace" | "strip" | "fail";
  /** The time of the database, in microseconds. */
  readonly nowUs: bigint;
  /** Those whose run has not ended, oldest first, at most 100. */
  readonly parts: readonly StoredPart[];
}

/** A part as it is stored. Bounds are microseconds or integers; positions are JSON as it was stored. */
export interface StoredPart {
  readonly part: string;
  readonly since: string | null;
  readonly until: string | null;
  readonly position: unknown;
  /** What the last page with records was asked with. */
  readonly previous: unknown;
  readonly positionAgeS: number | null;
  /** When its run began, in microseconds. */
  readonly begunUs: string;
  readonly pages: number;
  readonly emptyPages: number;
}

/** What a worker tells of a request that it had a permit for. Times are seconds. */
export interface SeenAnswer {
  /** As the permit was given. */
  readonly granted_at: string;
  /** Since the answer came, or the request was given up. */
  readonly age: number;
  /** The request was not sent. */
  readonly unused?: true;
  /** Absent where no answer came. */
  readonly status?: number;
  readonly limited?: true;
  readonly retry_after?: number;
  readonly told?: readonly ToldLimit[];
}

/** What an answer tells of one window of its limit; null: it does not. */
export interface ToldLimit {
  readonly window: number | null;
  readonly limit: number | null;
  readonly remaining: number | null;
  readonly reset: number | null;
}

export interface Granted {
  readonly granted: number;
  /** Exactly as it is to be told with the answer. */
  readonly grantedAt: string;
  /** Where nothing was granted: when to ask again. */
  readonly waitMs: number;
}

/** A worker that stops must not wait for a bucket longer than it may take to stop. */
const PERMITS_MS = 5_000;

/** The calls of the pass of an HTTP source. One method per SQL function. */
export class IngestCalls {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Also opens windows that are due, and begins a run that is. */
  async beginIngest(lease: Lease): Promise<IngestStart> {
    const { rows } = await this.#caller.call(
      `select b.source::text as source, b.staging_schema, b.staging_table, b.bucket, b.nul_policy,
              b.now_us, b.parts
         from ampsync_worker.begin_ingest($1, $2) b`,
      [lease.streamId, lease.epoch],
    );
    const row = rows[0];
    return {
      source: row.source,
      stagingSchema: row.staging_schema,
      stagingTable: row.staging_table,
      bucket: row.bucket,
      nulPolicy: row.nul_policy,
      nowUs: BigInt(row.now_us),
      parts: row.parts.map(parsePart),
    };
  }

  /** Of several sources that wait each gets its turn. Not to be repeated: a call without an answer may have granted, and heard what was seen. */
  async takePermits(
    bucket: string,
    want: number,
    seen: readonly SeenAnswer[],
    streamId: bigint,
  ): Promise<Granted> {
    const { rows } = await this.#caller
      .once()
      .call(
        "select * from ampsync_worker.take_permits($1, $2, $3, $4)",
        [bucket, want, JSON.stringify(seen), streamId],
        PERMITS_MS,
      );
    const { granted, granted_at: grantedAt, wait_ms: waitMs } = rows[0];
    return { granted, grantedAt, waitMs };
  }

  /** The run of a part begins again, because its cursor expired and cannot be replaced. SY302 after three times in vain. */
  async restartRun(lease: Lease, part: string, failure: Failure): Promise<void> {
    await this.#caller.call("select ampsync_worker.restart_run($1, $2, $3, $4)", [
      lease.streamId,
      lease.epoch,
      part,
      failure,
    ]);
  }

  /** Writes what happened into the journal. */
  async noteIngest(lease: Lease, event: string, details: object): Promise<void> {
    await this.#caller.call("select ampsync_worker.note_ingest($1, $2, $3, $4)", [
      lease.streamId,
      lease.epoch,
      event,
      details,
    ]);
  }
}

function parsePart(part: {
  part: string;
  since: string | null;
  until: string | null;
  position: unknown;
  previous: unknown;
  position_age_s: number | null;
  begun: string;
  pages: string;
  empty_pages: number;
}): StoredPart {
  return {
    part: part.part,
    since: part.since,
    until: part.until,
    position: part.position,
    previous: part.previous,
    positionAgeS: part.position_age_s,
    begunUs: part.begun,
    pages: Number(part.pages),
    emptyPages: part.empty_pages,
  };
}
