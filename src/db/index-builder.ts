import { setTimeout as pause } from "node:timers/promises";

import pg from "pg";

import type { Log } from "../log.ts";
import { type Failure, failureOf, reactionTo, textOf } from "../model/failure.ts";
import { KEEPALIVE_AFTER_MS } from "../model/limits.ts";
import type { Caller } from "./caller.ts";
import { CONNECT_MS, setUpSession } from "./session.ts";

/** A statement on the way to one index, as ampsync_worker.next_index_step says it. */
interface Step {
  readonly method: string;
  readonly columns: readonly string[];
  readonly options: readonly number[];
  readonly statement: string;
}

/** Of class 42, but cured by another attempt: another relation took the name, or the table was renamed. */
const NAMES_CHANGED: ReadonlySet<string | null> = new Set(["42P07", "42P01"]);

/** How often it is asked whether a build is in somebody's way: well within the deadlock_timeout of others, 1 s. */
const YIELD_MS = 400;

/**
 * Builds indexes, one after the other, beside the jobs of a worker: building may take hours, and neither a slot of
 * the worker nor a connection of its pools waits for it. The connection has no time limits, because a build
 * that is interrupted leaves an invalid index behind. If this process dies, the server finishes the statement, and
 * holds the index lock until then; another job continues after it.
 */
export class IndexBuilder {
  readonly #url: string;
  readonly #caller: Caller;
  readonly #log: Log;
  readonly #waiting = new Set<bigint>();
  #running: Promise<void> | null = null;
  #client: pg.Client | null = null;
  /** Resolves once the client is connected, or could not be. */
  #connected: Promise<unknown> | null = null;
  #isClosed = false;

  constructor(url: string, caller: Caller, log: Log) {
    this.#url = url;
    this.#caller = caller;
    this.#log = log;
  }

  /** Builds what a stream still lacks, after what is under way; returns at once. */
  start(streamId: bigint): void {
    if (this.#isClosed) return;
    this.#waiting.add(streamId);
    this.#running ??= this.#run()
      .catch((error) => this.#log.warn("index_builder_failed", { error: failureOf(error).message }))
      .finally(() => {
        this.#running = null;
        this.#waiting.clear(); // The supervisor queues their jobs again.
      });
  }

  /** Leaves a statement that is under way to the server. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#connected; // A client that is ended while it connects never tells the caller of connect.
    await this.#client?.end().catch(() => {});
    await this.#running;
  }

  async #run(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.#url,
      connectionTimeoutMillis: CONNECT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEPALIVE_AFTER_MS,
    });
    client.on("error", () => {}); // Its statements report the error.
    this.#client = client;
    try {
      const connecting = client.connect();
      this.#connected = connecting.catch(() => {});
      await connecting;
      await setUpSession(client, "ampsync index");
      const { rows } = await client.query("select ampsync_worker.hold_index_lock() as held");
      for (const streamId of this.#waiting) {
        if (rows[0].held) {
          await this.#build(client, streamId);
        } else {
          await client.query("select ampsync_worker.defer_index($1)", [streamId]);
        }
        this.#waiting.delete(streamId);
      }
    } finally {
      this.#client = null;
      await client.end().catch(() => {});
    }
  }

  async #build(client: pg.Client, streamId: bigint): Promise<void> {
    const { rows: names } = await client.query(
      'select dataset, table_name as "table" from ampsync_worker.name_stream($1)',
      [streamId],
    );
    const log = this.#log.with({ stream_id: streamId, ...names[0] });
    for (;;) {
      const { rows } = await client.query<Step>("select * from ampsync_worker.next_index_step($1)", [
        streamId,
      ]);
      const [step] = rows;
      if (step === undefined) return;
      log.info("index_step", { statement: step.statement });
      const failure = await this.#outcome(client, step.statement);
      const isFinal =
        failure !== null && reactionTo(failure.code) === "stop" && !NAMES_CHANGED.has(failure.code);
      if (failure !== null) {
        log.warn("index_failed", { code: failure.code, error: failure.message });
      }
      await client.query("select ampsync_worker.note_index($1, $2, $3, $4, $5, $6)", [
        streamId,
        step.method,
        step.columns,
        step.options,
        failure,
        isFinal,
      ]);
    }
  }

  /** Runs a statement until it ends, or somebody waits for it. Null after success. */
  async #outcome(client: pg.Client, statement: string): Promise<Failure | null> {
    const ended = new AbortController();
    const failed = failureIn(client, statement).finally(() => ended.abort());
    const yielded = this.#yieldUntil(ended.signal);
    const [failure, reason] = await Promise.all([failed, yielded]);
    return failure?.code === "57014" && reason !== null ? { ...failure, message: reason } : failure;
  }

  /** Has the build canceled once somebody waits for it; resolves at its end to the reason, or null. */
  async #yieldUntil(ended: AbortSignal): Promise<string | null> {
    let reason: string | null = null;
    while (await isPending(ended)) {
      try {
        const { rows } = await this.#caller
          .once()
          .call("select ampsync_worker.yield_index_build() as reason");
        reason = rows[0].reason ?? reason;
      } catch (error) {
        this.#log.debug("index_yield_failed", { error: failureOf(error).message }); // The next one comes soon.
      }
    }
    return reason;
  }
}

/** After a moment; false once the signal aborts. */
async function isPending(ended: AbortSignal): Promise<boolean> {
  await pause(YIELD_MS, undefined, { signal: ended }).catch(() => {});
  return !ended.aborted;
}

/** The error that the server reported, or null; throws if the connection is lost, since then nobody knows. */
async function failureIn(client: pg.Client, statement: string): Promise<Failure | null> {
  try {
    await client.query(statement);
    return null;
  } catch (error) {
    if (textOf(error, "severity") !== "ERROR") throw error;
    return failureOf(error);
  }
}
