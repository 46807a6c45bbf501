import { once } from "node:events";

import pg from "pg";
import { type CopyStreamQuery, from as copyFrom } from "pg-copy-streams";

import type { Faults } from "../faults.ts";
import type { Ledger } from "../model/ledger.ts";
import type { Removal } from "../model/stream-memory.ts";
import type { Watermark } from "../model/watermark.ts";
import type { Repair } from "./calls.ts";

/** Signature, flags, header extension: see "Binary Format" of COPY in PostgreSQL's manual. */
const COPY_HEADER = Buffer.from("PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0", "latin1");
const COPY_TRAILER = Buffer.from([0xff, 0xff]);

/** Whose rows go where. */
export interface WriteTarget {
  readonly streamId: bigint;
  readonly epoch: bigint;
  readonly schema: string;
  readonly table: string;
  /** In the order of the fields of each row. */
  readonly columns: readonly string[];
}

export interface StampedWatermark {
  readonly watermark: Watermark;
  /** Unix seconds of its last block; null where the server does not tell it. */
  readonly timestamp: number | null;
  /** Of the rows of its microbatch. */
  readonly ledger: Ledger;
}

/** What commit_apply is told. */
export interface Commit {
  /** The checkpoint we went on from. */
  readonly expectedBlock: bigint | null;
  readonly network: string;
  /** Oldest first, at least one. */
  readonly watermarks: readonly StampedWatermark[];
  readonly rows: number;
}

/**
 * One writing transaction: begin_apply, COPY, commit_apply.
 *
 * With `commit` known at once all of it is one message to the server, else the
 * end is a second one. In either case the last check and COMMIT travel together,
 * so no client can freeze between them. A transaction that fails takes its
 * connection with it: nothing of it is left, whatever state it was in.
 */
export class WriteTransaction {
  readonly #client: pg.PoolClient;
  readonly #copy: CopyStreamQuery;
  readonly #faults: Faults;
  readonly #signal: AbortSignal;
  readonly #onAbort = () => this.abort();
  readonly #failure = Promise.withResolvers<never>();
  #isOver = false;

  private constructor(client: pg.PoolClient, copy: CopyStreamQuery, faults: Faults, signal: AbortSignal) {
    this.#client = client;
    this.#copy = copy;
    this.#faults = faults;
    this.#signal = signal;
    signal.addEventListener("abort", this.#onAbort);
    copy.once("error", this.#failure.reject);
    client.on("error", this.#failure.reject);
    // Every write awaits it; this only says that nobody may be doing so when it happens.
    this.#failure.promise.catch(() => {});
  }

  static async open(
    pool: pg.Pool,
    target: WriteTarget,
    removal: Removal | null,
    commit: Commit | null,
    faults: Faults,
    signal: AbortSignal,
  ): Promise<WriteTransaction> {
    const end = commit === null ? null : commitApply(target, commit);
    return await WriteTransaction.#open(pool, target, beginApply(target, removal), end, faults, signal);
  }

  /** The same for a repair: begin_repair, COPY, and commit_repair by `commitRepair`. */
  static async openRepair(
    pool: pg.Pool,
    target: WriteTarget,
    repair: Repair,
    faults: Faults,
    signal: AbortSignal,
  ): Promise<WriteTransaction> {
    return await WriteTransaction.#open(pool, target, beginRepair(target, repair), null, faults, signal);
  }

  static async #open(
    pool: pg.Pool,
    target: WriteTarget,
    begin: string,
    end: string | null,
    faults: Faults,
    signal: AbortSignal,
  ): Promise<WriteTransaction> {
    const statements = [
      "begin isolation level read committed",
      begin,
      `copy ${ident(target.schema)}.${ident(target.table)} (${target.columns.map(ident).join(", ")}) from stdin (format binary)`,
      ...(end === null ? [] : [end, "commit"]),
    ];
    await faults.reach("before_connect");
    const client = await pool.connect();
    if (signal.aborted) {
      client.release();
      signal.throwIfAborted();
    }
    const copy = client.query(copyFrom(statements.join(";\n"), { highWaterMark: 1 }));
    const transaction = new WriteTransaction(client, copy, faults, signal);
    try {
      await transaction.#send(COPY_HEADER); // Taken when COPY asks for rows.
      await faults.reach("copy_begun");
      return transaction;
    } catch (error) {
      transaction.abort();
      throw error;
    }
  }

  /** Resolves when the socket takes more. The chunk must not be written to afterwards. */
  async write(chunk: Uint8Array): Promise<void> {
    await this.#send(chunk);
    await this.#faults.reach("chunk_written");
  }

  async #send(chunk: Uint8Array): Promise<void> {
    const written = new Promise<void>((resolve, reject) => {
      this.#copy.write(chunk, (error) => (error ? reject(error) : resolve()));
    });
    await Promise.race([this.#failure.promise, written]);
  }

  /** Ends the COPY and commits; with `commit` unless `open` had it. */
  async commit(target: WriteTarget, commit: Commit | null): Promise<void> {
    await this.#commit(commit === null ? null : commitApply(target, commit));
  }

  async commitRepair(target: WriteTarget, repair: Repair, rows: number): Promise<void> {
    await this.#commit(commitRepair(target, repair, rows));
  }

  async #commit(end: string | null): Promise<void> {
    await this.#faults.reach("before_trailer");
    await this.#send(COPY_TRAILER);
    let answer: Promise<unknown> = once(this.#copy, "finish");
    this.#copy.end();
    if (end !== null) {
      await Promise.race([this.#failure.promise, answer]);
      answer = this.#client.query(`${end};\ncommit`);
    }
    await Promise.all([Promise.race([this.#failure.promise, answer]), this.#faults.reach("commit_sent")]);
    await this.#faults.reach("commit_answered");
    this.#release(false);
  }

  /** Rolls back, if it is not over. */
  abort(): void {
    this.#release(true);
  }

  #release(destroy: boolean): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#signal.removeEventListener("abort", this.#onAbort);
      this.#client.off("error", this.#failure.reject);
      this.#client.release(destroy);
    }
  }
}

function beginApply(target: WriteTarget, removal: Removal | null): string {
  const lease = `${target.streamId}, ${target.epoch}`;
  if (removal === null) {
    return `call ampsync.begin_apply(${lease})`;
  }
  const from = removal.from === null ? "null" : `${removal.from}`;
  const parent = removal.parentHash === null ? "null" : `'\\x${removal.parentHash.slice(2)}'::bytea`;
  return `call ampsync.begin_apply(${lease}, true, ${from}, ${parent})`;
}

function commitApply(target: WriteTarget, commit: Commit): string {
  const watermarks = commit.watermarks.map(({ watermark, timestamp, ledger }) => ({
    start: watermark.start.toString(),
    end: watermark.end.toString(),
    hash: watermark.hash,
    prev_hash: watermark.prevHash,
    timestamp: timestamp?.toString() ?? null,
    rows: ledger.rows.toString(),
    id_xor: ledger.idXor.toString(),
  }));
  const values = [
    target.streamId,
    target.epoch,
    commit.expectedBlock ?? "null",
    literal(commit.network),
    `${literal(JSON.stringify(watermarks))}::jsonb`,
    commit.rows,
  ];
  return `call ampsync.commit_apply(${values.join(", ")})`;
}

function beginRepair(target: WriteTarget, { start, end }: Repair): string {
  return `call ampsync.begin_repair(${target.streamId}, ${target.epoch}, ${start}, ${end})`;
}

function commitRepair(target: WriteTarget, { start, end, ownHash }: Repair, rows: number): string {
  const hash = ownHash === null ? "null" : `'\\x${ownHash.toString("hex")}'::bytea`;
  return `call ampsync.commit_repair(${target.streamId}, ${target.epoch}, ${start}, ${end}, ${hash}, ${rows})`;
}

const ident = pg.escapeIdentifier;
const literal = pg.escapeLiteral;
