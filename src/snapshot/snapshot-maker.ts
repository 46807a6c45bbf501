import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { gzip } from "node:zlib";

import pg from "pg";

import { CONNECT_MS, setUpSession } from "../db/session.ts";
import type { Log } from "../log.ts";
import { type Failure, failureOf } from "../model/failure.ts";
import { KEEPALIVE_AFTER_MS } from "../model/limits.ts";
import { ChunkCutter } from "./chunk-cutter.ts";
import { openSnapshot } from "./read-rows.ts";
import { SnapshotCalls, type TakenSnapshot } from "./snapshot-calls.ts";
import { SnapshotSums } from "./snapshot-sums.ts";

/** Of the text of a chunk. */
const CHUNK_BYTES = 1024 * 1024;
/** Somebody waits for it: a quarter less time than with what zlib chooses, for a few percent more bytes. */
const LEVEL = 1;
/** A snapshot of the database is held for as long as rows are read: vacuum waits for it. */
const READING_LIMIT = "10min";
const CALL_LIMIT = "30s";
/** How long capture is waited for; the rows were read by then, and nothing is held. */
const CAPTURE_MS = 10 * 60_000;
const CAPTURE_PAUSE_MS = 1_000;
const NAME = "ampsync snapshot";

const zip = promisify(gzip);

export interface SnapshotMakerOptions {
  readonly url: string;
  readonly hash: (text: Uint8Array) => bigint;
  readonly log: Log;
  /** Where a test stops it; null: nowhere. */
  readonly at?: ((place: "opened" | "stored" | "read" | "settled") => Promise<void>) | undefined;
}

/** Makes the snapshots that clients wait for: one session reads rows, another one stores them. */
export class SnapshotMaker {
  readonly #options: SnapshotMakerOptions;

  constructor(options: SnapshotMakerOptions) {
    this.#options = options;
  }

  /** Resolves once nothing waits, others make what waits, or the signal aborts. */
  async makeAll(shutdown: AbortSignal): Promise<void> {
    await using own = await this.#session(CALL_LIMIT);
    const calls = new SnapshotCalls(own.client);
    while (!shutdown.aborted) {
      const taken = await calls.take();
      if (taken === null) return;
      await this.#make(calls, taken, shutdown);
    }
  }

  async #make(calls: SnapshotCalls, taken: TakenSnapshot, shutdown: AbortSignal): Promise<void> {
    const { log } = this.#options;
    try {
      const sums = await this.#read(calls, taken, shutdown);
      if (taken.mode === "rows") await this.#settle(calls, shutdown);
      await this.#options.at?.("settled");
      await calls.finish(taken, sums);
      const { chunks, rows, bytes } = sums.total;
      log.info("snapshot_ready", { snapshot: taken.snapshot, table: taken.relation, chunks, rows, bytes });
    } catch (error) {
      const failure = shutdown.aborted ? null : withoutRows(failureOf(error));
      await calls.fail(taken, failure);
      if (failure === null) return;
      log.warn("snapshot_failed", { snapshot: taken.snapshot, table: taken.relation, code: failure.code });
      if (failure.code === "SY414") {
        const [, sqlState = ""] = /\(([0-9A-Z]{5})\)$/.exec(failure.message) ?? [];
        await calls.failShape(taken, failureOf(error).detail, sqlState);
      }
    }
  }

  /** An error of a row is met again by shape_rows, which names the row. */
  async #read(calls: SnapshotCalls, taken: TakenSnapshot, shutdown: AbortSignal): Promise<SnapshotSums> {
    try {
      return await this.#readOnce(calls, taken, shutdown, true);
    } catch (error) {
      if (!/^22/.test(failureOf(error).code)) throw error;
      await this.#readOnce(calls, taken, shutdown, false);
      throw error;
    }
  }

  async #readOnce(
    calls: SnapshotCalls,
    taken: TakenSnapshot,
    shutdown: AbortSignal,
    mayReadBare: boolean,
  ): Promise<SnapshotSums> {
    await using reader = await this.#session(READING_LIMIT);
    const stop = () => reader.abort();
    shutdown.addEventListener("abort", stop);
    try {
      const { point, rows } = await openSnapshot(reader.client, taken, mayReadBare);
      await calls.place(taken, point);
      await this.#options.at?.("opened");
      const cutter = new ChunkCutter(CHUNK_BYTES);
      const keys = taken.key_columns.map((name) => taken.columns.indexOf(name));
      const sums = new SnapshotSums(this.#options.hash, keys);
      // One is stored while the next is read and packed.
      let stored = Promise.resolve();
      const store = async (chunk: Buffer) => {
        const sum = sums.add(chunk);
        const packed = zip(chunk, { level: LEVEL });
        const body = await packed.finally(() => stored);
        stored = this.#store(calls, taken, sum, chunk.length, body);
        stored.catch(() => {}); // Awaited by the next one.
      };
      for await (const piece of rows) {
        for (const chunk of cutter.add(piece)) await store(chunk);
      }
      for (const chunk of cutter.rest()) await store(chunk);
      await stored;
      await reader.client.query("commit");
      await this.#options.at?.("read");
      return sums;
    } finally {
      shutdown.removeEventListener("abort", stop);
    }
  }

  async #store(
    calls: SnapshotCalls,
    taken: TakenSnapshot,
    sum: ReturnType<SnapshotSums["add"]>,
    bytes: number,
    body: Buffer,
  ): Promise<void> {
    await calls.storeChunk(taken, sum, bytes, body);
    await this.#options.at?.("stored");
  }

  /** Waits until what the snapshot sees is in the log. Where capture stands still the snapshot waits with it. */
  async #settle(calls: SnapshotCalls, shutdown: AbortSignal): Promise<void> {
    const deadline = performance.now() + CAPTURE_MS;
    for (;;) {
      try {
        return await calls.waitForCapture();
      } catch (error) {
        if (failureOf(error).code !== "SY405" || performance.now() > deadline) throw error;
        await pause(CAPTURE_PAUSE_MS, undefined, { signal: shutdown });
      }
    }
  }

  async #session(limit: string) {
    const client = new pg.Client({
      connectionString: this.#options.url,
      connectionTimeoutMillis: CONNECT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEPALIVE_AFTER_MS,
    });
    client.on("error", () => {}); // Its statements report the error.
    await client.connect();
    try {
      await setUpSession(client, NAME, { statement_timeout: limit });
      await client.query("set row_security = off"); // What it would cut is refused, never left out.
    } catch (error) {
      await client.end().catch(() => {});
      throw error;
    }
    return {
      client,
      /** Ends it in the middle of what it does. */
      abort: () => client.connection.stream.destroy(),
      async [Symbol.asyncDispose]() {
        await client.end().catch(() => {});
      },
    };
  }
}

/** An error as people may see it: what PostgreSQL says of a value may hold it. */
function withoutRows(failure: Failure): Failure {
  if (!/^2[23]/.test(failure.code)) return { ...failure, detail: null };
  return {
    code: failure.code,
    message: `a row could not be read (${failure.code})`,
    detail: null,
    hint: null,
  };
}
