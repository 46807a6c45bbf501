import { setTimeout as pause } from "node:timers/promises";

import pg from "pg";
import { to } from "pg-copy-streams";

import { Condition } from "../commit/condition.ts";
import { CONNECT_MS, setUpSession } from "../db/session.ts";
import { socketOf } from "../db/socket.ts";
import { KEEPALIVE_AFTER_MS } from "../model/limits.ts";
import { lsnOf, lsnText } from "../model/lsn.ts";
import { unlessAborted } from "../model/unless-aborted.ts";
import { BinaryCopy } from "./binary-copy.ts";
import { restMs } from "./cadence.ts";
import { CAPTURE_NAME, type Frame, lost, type ReplicationOptions, type Transport } from "./replication.ts";

/** Of one look: it ends behind the transaction that goes beyond. */
const CHANGES = 5_000;
/** How much WAL one look reads at most. */
const WAL_BYTES = 64n * 1024n * 1024n;
/** Longer than a look takes that reads again all that a slot may keep: a server that is silent for so long is gone. */
const ANSWER_MS = 10 * 60_000;
/** How long the last move of the slot, and telling the server to look no more, may take. */
const END_MS = 1_000;

const COMMIT = 0x43;
const BEGIN = 0x42;
const MESSAGE = 0x4d;

export interface PollingOptions extends ReplicationOptions {
  readonly intervalMs: number;
}

/**
 * The changes of a slot by an ordinary connection: looked at, which moves nothing, and the slot moved once they are stored.
 * What was looked at before and is not stored yet comes again, and is left out here.
 */
export class Polling implements Transport {
  readonly #client: pg.Client;
  readonly #options: PollingOptions;
  readonly #changed = new Condition();
  /** What is stored. */
  #stored: bigint;
  /** The end of the newest transaction, or the place of the newest message outside of one, that was given out. */
  #seen: bigint;
  /** The transaction that comes was given out before. */
  #isSkipping = false;
  /** The server is working for us. */
  #isAwaited = false;
  /** How long the server took for this look, so far. */
  #tookMs = 0;
  #lookMs = 0;

  private constructor(client: pg.Client, options: PollingOptions) {
    this.#client = client;
    this.#options = options;
    this.#stored = options.startLsn;
    this.#seen = options.startLsn;
  }

  static async open(options: PollingOptions): Promise<Polling> {
    const client = new pg.Client({
      connectionString: options.url,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEPALIVE_AFTER_MS,
      connectionTimeoutMillis: CONNECT_MS,
    });
    client.on("error", () => {}); // Its statements say what happened.
    const polling = new Polling(client, options);
    try {
      await unlessAborted(client.connect(), options.signal);
      await unlessAborted(setUpSession(client, `${CAPTURE_NAME} ${options.workerId}`), options.signal);
      await polling.#advance(options.signal); // Rejects where somebody else reads the slot.
      return polling;
    } catch (error) {
      await polling.#leave();
      throw error;
    }
  }

  get lookMs(): number {
    return this.#lookMs;
  }

  /** Frames as a walsender sends them, until the signal aborts. */
  async *frames(signal: AbortSignal): AsyncGenerator<Frame> {
    try {
      while (!signal.aborted) yield* this.#look(signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async *#look(signal: AbortSignal): AsyncGenerator<Frame> {
    this.#tookMs = 0;
    const storedBefore = this.#stored;
    const { upTo, isAll } = await this.#advance(signal);
    let rows = 0;
    for await (const { lsn, bytes } of this.#peek(upTo, signal)) {
      if (signal.aborted) return; // The connection ends with us.
      rows++;
      if (this.#isNew(bytes)) yield { kind: "data", walEnd: lsn, bytes };
    }
    this.#lookMs = this.#tookMs;
    if (rows < CHANGES) yield { kind: "keepalive", walEnd: upTo };
    const hasMore = rows >= CHANGES || !isAll;
    const rest = restMs({ tookMs: this.#tookMs, intervalMs: hasMore ? 0 : this.#options.intervalMs });
    await pause(rest, undefined, { signal }).catch(() => {});
    if (hasMore) await this.#untilStored(storedBefore, signal);
  }

  /** Exactly up to there: one byte more, and the transaction that begins there is lost. The next look moves the slot. */
  acknowledge(stored: bigint): void {
    if (stored > this.#stored) this.#stored = stored;
    this.#changed.notifyAll();
  }

  /** Ends at once: nothing more is awaited. */
  leave(): void {
    socketOf(this.#client).destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Else the next pass is sent it again.
    if (!this.#isAwaited) await this.#advance(AbortSignal.timeout(END_MS)).catch(() => {});
    await this.#leave();
  }

  /** A server that is in the middle of a look would go on with it, and keep the slot. */
  async #leave(): Promise<void> {
    if (this.#isAwaited)
      await unlessAborted(cancel(this.#client, this.#options.url), AbortSignal.timeout(END_MS)).catch(
        () => {},
      );
    else void this.#client.end().catch(() => {});
    socketOf(this.#client).destroySoon();
  }

  /** What the server takes for it counts; not for longer than its reader waits. */
  async #answer<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
    const began = performance.now();
    const limit = new AbortController();
    const leave = () => limit.abort(signal.reason);
    const timer = setTimeout(() => limit.abort(lost("the server does not answer")), ANSWER_MS);
    signal.addEventListener("abort", leave);
    if (signal.aborted) leave();
    this.#isAwaited = true;
    try {
      const answered = await unlessAborted(answer, limit.signal);
      this.#isAwaited = false;
      return answered;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", leave);
      this.#tookMs += performance.now() - began;
    }
  }

  /** Moves the slot to what is stored; resolves to where the next look ends, and whether there is no WAL behind that. */
  async #advance(signal: AbortSignal): Promise<{ upTo: bigint; isAll: boolean }> {
    const { slot } = this.#options;
    const asked = this.#client.query(
      `select s.confirmed_flush_lsn as confirmed, pg_current_wal_flush_lsn() as flushed
         from pg_replication_slots s where s.slot_name = $1 and s.database = current_database()`,
      [slot],
    );
    const { rows } = await this.#answer(asked, signal);
    const confirmed = rows.length === 0 ? this.#stored : lsnOf(rows[0].confirmed);
    const flushed = rows.length === 0 ? confirmed : lsnOf(rows[0].flushed);
    if (this.#stored > confirmed) {
      const to = lsnText(this.#stored);
      await this.#answer(
        this.#client.query("select pg_replication_slot_advance($1, $2)", [slot, to]),
        signal,
      );
    }
    const from = this.#stored > confirmed ? this.#stored : confirmed;
    const isAll = flushed <= from + WAL_BYTES;
    return { upTo: isAll ? flushed : from + WAL_BYTES, isAll };
  }

  async *#peek(upTo: bigint, signal: AbortSignal): AsyncGenerator<{ lsn: bigint; bytes: Buffer }> {
    const { slot, publication } = this.#options;
    const values = [slot, lsnText(upTo)].map((value) => pg.escapeLiteral(value)).join(", ");
    const names = pg.escapeLiteral(pg.escapeIdentifier(publication));
    const stream = this.#client.query(
      to(
        `copy (select p.lsn, p.data from pg_logical_slot_peek_binary_changes(${values}, ${CHANGES},
           'proto_version', '1', 'publication_names', ${names}, 'messages', 'true') p) to stdout (format binary)`,
      ),
    );
    const copy = new BinaryCopy(2);
    const pieces = stream[Symbol.asyncIterator]();
    for (;;) {
      const piece = await this.#answer(pieces.next(), signal);
      if (piece.done === true) return;
      this.#isAwaited = true; // It goes on while we are busy.
      for (const [lsn, bytes] of copy.add(piece.value as Buffer)) {
        yield { lsn: lsn!.readBigUInt64BE(), bytes: bytes! };
      }
    }
  }

  /** Transactions, and messages outside of them, come in the order of their commits and places. */
  #isNew(bytes: Buffer): boolean {
    switch (bytes[0]) {
      case BEGIN:
        this.#isSkipping = bytes.readBigUInt64BE(1) < this.#seen;
        return !this.#isSkipping;
      case COMMIT: {
        const isNew = !this.#isSkipping;
        this.#isSkipping = false;
        if (isNew) this.#seen = bytes.readBigUInt64BE(10);
        return isNew;
      }
      case MESSAGE: {
        const isTransactional = (bytes[1]! & 1) === 1;
        if (isTransactional) return !this.#isSkipping;
        const lsn = bytes.readBigUInt64BE(2);
        if (lsn <= this.#seen) return false;
        this.#seen = lsn;
        return true;
      }
      default:
        return !this.#isSkipping;
    }
  }

  /** Of a backlog, all that was given out, or WAL without changes: what is looked at before that would come again. */
  async #untilStored(before: bigint, signal: AbortSignal): Promise<void> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(this.#options.intervalMs)]);
    const wake = () => this.#changed.notifyAll();
    limit.addEventListener("abort", wake);
    const isStored = () => this.#stored >= this.#seen && this.#stored > before;
    while (!limit.aborted && !isStored()) await this.#changed.next;
    limit.removeEventListener("abort", wake);
  }
}

/** Asks the server to end what it does for this connection; resolves once it has heard. */
async function cancel(client: pg.Client, url: string): Promise<void> {
  const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
  const { connection, host, port } = new pg.Client({ connectionString: url }) as unknown as Canceller;
  const { promise: heard, resolve } = Promise.withResolvers<void>();
  connection.on("connect", () => connection.cancel(processID, secretKey));
  connection.on("error", resolve);
  connection.on("end", resolve);
  if (host.startsWith("/")) connection.connect(`${host}/.s.PGSQL.${port}`);
  else connection.connect(port, host);
  await heard;
}

/** In the object, but not in its type. */
interface Canceller {
  readonly host: string;
  readonly port: number;
  readonly connection: {
    on(event: "connect" | "error" | "end", heard: () => void): void;
    connect(port: number | string, host?: string): void;
    cancel(processID: number, secretKey: number): void;
  };
}
