import { Condition } from "../commit/condition.ts";
import type { Paced } from "../commit/paced.ts";
import type { Capture, CaptureCalls } from "../db/capture-calls.ts";
import type { Faults } from "../fault-points.ts";
import type { CapturedTable } from "../model/captured-table.ts";
import { linesAhead } from "./call-arguments.ts";
import { type Group, Waiting } from "./group.ts";
import { type Message, PgOutputDecoder } from "./pgoutput.ts";
import type { Frame, Transport } from "./replication.ts";
import { storeTransactions } from "./store-transactions.ts";
import { TransactionReader } from "./transactions.ts";

/** A transaction that is larger goes into the database before it is whole: in lines, and in bytes. */
const AHEAD_LINES = 1_000;
const AHEAD_BYTES = 1024 * 1024;
/** Idle WAL is acknowledged with each beat, or after so many bytes: to store how far it goes is WAL itself. */
const IDLE_BYTES = 64n * 1024n * 1024n;
const BEAT_BYTES = 64;
/** WAL without changes of ours is told once it is so much: what tells it is WAL itself, and would be told next. */
const NEWS_BYTES = 1024n * 1024n;
/** Kinds of messages that are read of a transaction that is to be skipped: its beginning and end, and relations. */
const READ_WHEN_SKIPPED = new Set([..."BCR"].map((kind) => kind.charCodeAt(0)));

interface SessionParts {
  readonly replication: Transport;
  readonly calls: CaptureCalls;
  /** Tells listeners that the log has grown. */
  readonly notifier: Paced;
  readonly faults: Faults;
  /** The end of the newest transaction that is stored. */
  readonly startLsn: bigint;
  /** As they are noted where the log stands. */
  readonly tables: readonly CapturedTable[];
  readonly capture: Capture;
}

/** How a session ends: it was told to, or what it read has to be read again, with other tables. */
type SessionEnd = "stopped" | "reread";

/** Changes on their way from one replication stream into the log: read, decoded, stored, acknowledged. */
export class CaptureSession {
  readonly #replication: Transport;
  readonly #calls: CaptureCalls;
  readonly #notifier: Paced;
  readonly #faults: Faults;
  readonly #skipLsn: bigint | null;
  readonly #decoder = new PgOutputDecoder();
  readonly #reader: TransactionReader;
  readonly #waiting = new Waiting();
  /** Something was read, or is stored. */
  readonly #changed = new Condition();
  readonly #stopReading = new AbortController();
  #capture: Capture;
  /** Everything up to here is stored. */
  #stored: bigint;
  #received = 0n;
  /** The commit of the transaction that is being read, and of one that could not be stored. */
  #reading: bigint | null = null;
  #failing: bigint | null = null;
  #isSkipping = false;
  #isStoring = false;
  #mustYield = false;
  #isRead = false;
  #mustReread = false;
  #failure: { readonly error: unknown } | null = null;

  constructor({ replication, calls, notifier, faults, startLsn, tables, capture }: SessionParts) {
    this.#replication = replication;
    this.#calls = calls;
    this.#notifier = notifier;
    this.#faults = faults;
    this.#skipLsn = capture.skipLsn;
    this.#reader = new TransactionReader(tables);
    this.#capture = capture;
    this.#stored = startLsn;
    this.#received = startLsn;
  }

  /** How far the server has sent, as far as that is worth telling and not told by what is stored; null: nothing is. */
  get news(): bigint | null {
    return this.#received > this.#stored ? this.#received : null;
  }

  /** See `Transport.lookMs`. */
  get lookMs(): number {
    return this.#replication.lookMs;
  }

  /** The commit of the transaction that is being read or stored, if any: what a failure is about. */
  get underWay(): bigint | null {
    return this.#failing ?? this.#reading;
  }

  /** Resolves when what was read whole by the end is stored; rejects with whatever else ended it. */
  async run(): Promise<SessionEnd> {
    const reading = this.#readAll()
      .catch((error) => this.#fail(error))
      .finally(() => {
        this.#isRead = true;
        this.#changed.notifyAll();
      });
    const storing = this.#storeAll().catch((error) => this.#fail(error));
    await Promise.all([reading, storing]);
    if (this.#failure !== null) throw this.#failure.error;
    return this.#mustReread ? "reread" : "stopped";
  }

  /** Reads no more. */
  stop(): void {
    this.#stopReading.abort();
    this.#changed.notifyAll();
  }

  /** Lets the server go; what is being stored is stored once it is back. */
  leave(): void {
    this.#replication.leave();
  }

  /** Reads no more once no transaction is half read: one that takes longer than a pass would never end. */
  yield(): void {
    this.#mustYield = true;
    if (!this.#reader.isOpen) this.stop();
  }

  /** Nothing more is stored. */
  get #isOver(): boolean {
    return this.#failure !== null || this.#mustReread;
  }

  async #readAll(): Promise<void> {
    for await (const frame of this.#replication.frames(this.#stopReading.signal)) {
      await this.#take(frame);
      while (this.#waiting.isFull && !this.#stopReading.signal.aborted) await this.#changed.next;
      if (this.#mustYield && !this.#reader.isOpen) this.stop();
    }
  }

  async #take(frame: Frame): Promise<void> {
    const advance = frame.walEnd - this.#received;
    if (advance > (frame.kind === "data" ? 0n : NEWS_BYTES)) this.#received = frame.walEnd;
    if (frame.kind === "keepalive") {
      const isIdle = !this.#reader.isOpen && this.#waiting.isEmpty && !this.#isStoring;
      if (isIdle && frame.walEnd - this.#stored >= IDLE_BYTES) this.#idle(frame.walEnd, null);
      return;
    }
    if (this.#isSkipping && !READ_WHEN_SKIPPED.has(frame.bytes[0]!)) return;
    const message = this.#decoder.decode(frame.bytes);
    this.#heed(message);
    const isSkipped = message.kind === "commit" && message.commitLsn === this.#skipLsn;
    const transaction = this.#reader.add(message);
    if (message.kind === "relation" && !this.#reader.knows(message.relation)) {
      // A table that was published lately, or a new partition, or nothing of ours.
      this.#reader.know(await this.#calls.capturedTables());
    }
    if (transaction !== null && (!transaction.isEmpty || isSkipped)) {
      this.#waiting.add(transaction);
      this.#changed.notifyAll();
    }
    const { lines, bytes } = this.#reader.held;
    if (lines >= AHEAD_LINES || bytes >= AHEAD_BYTES) await this.#storeAhead();
  }

  #heed(message: Message): void {
    switch (message.kind) {
      case "begin":
        this.#reading = message.commitLsn;
        this.#isSkipping = message.commitLsn === this.#skipLsn;
        break;
      case "commit":
        this.#reading = null;
        this.#isSkipping = false;
        break;
      case "message":
        if (message.transactional) break;
        if (message.prefix === "ampsync/beat") this.#idle(message.lsn, textOfBeat(message.content));
        if (message.prefix === "ampsync/mark") this.#idle(message.lsn, null);
        break;
    }
  }

  /** Messages outside of transactions, and keepalives while nothing is half read, come after all that commits before them. */
  #idle(lsn: bigint, beat: string | null): void {
    this.#waiting.add({ lsn, beat });
    this.#changed.notifyAll();
  }

  /** Lines of a large transaction go ahead of it, once all before it is stored; meanwhile nothing more is read. */
  async #storeAhead(): Promise<void> {
    while ((!this.#waiting.isEmpty || this.#isStoring) && !this.#isOver) await this.#changed.next;
    if (this.#isOver) return;
    await this.#faults.reach("capture_before_store");
    await this.#calls.storeChanges(this.#capture, linesAhead(this.#reader.takeLines()));
    await this.#faults.reach("capture_stored");
  }

  async #storeAll(): Promise<void> {
    while (!this.#isOver) {
      const changed = this.#changed.next;
      const group = this.#waiting.take();
      if (group === null) {
        if (this.#isRead) return;
        await changed;
        continue;
      }
      this.#isStoring = true;
      await this.#store(group);
      this.#isStoring = false;
      this.#changed.notifyAll();
    }
  }

  async #store(group: Group): Promise<void> {
    if ("idle" in group) {
      const { lsn, beat } = group.idle;
      await this.#faults.reach("capture_before_idle");
      await this.#calls.storeIdle(this.#capture, lsn, beat);
      await this.#faults.reach("capture_idle_stored");
      this.#acknowledge(lsn);
      return;
    }
    await this.#faults.reach("capture_before_commit");
    const stored = await storeTransactions(this.#calls, this.#capture, group.transactions, (failing) => {
      this.#failing = failing;
    });
    await this.#faults.reach("capture_committed");
    this.#capture = { ...this.#capture, commitLsn: stored.commitLsn };
    this.#acknowledge(stored.endLsn);
    this.#notifier.wake();
    await this.#faults.reach("capture_acknowledged");
    if (stored.mustReread) {
      this.#mustReread = true;
      this.stop();
    } else if (stored.tables !== null) {
      this.#reader.know(stored.tables);
    }
  }

  /** After the answer, which comes after what it answers for was flushed. */
  #acknowledge(lsn: bigint): void {
    if (lsn > this.#stored) this.#stored = lsn;
    this.#replication.acknowledge(lsn);
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.stop();
  }
}

/** Ours are short; null: it is none. */
function textOfBeat(content: Buffer): string | null {
  return content.length > BEAT_BYTES || content.includes(0) ? null : content.toString("latin1");
}
