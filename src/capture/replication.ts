import { once } from "node:events";
import type { Duplex } from "node:stream";

import pg from "pg";
import * as copyStreams from "pg-copy-streams";

import { Condition } from "../commit/condition.ts";
import { CONNECT_MS, setUpSession } from "../db/session.ts";
import { socketOf } from "../db/socket.ts";
import { KEEPALIVE_AFTER_MS } from "../model/limits.ts";
import { lsnText } from "../model/lsn.ts";
import { unlessAborted } from "../model/unless-aborted.ts";

/** In the package, but not in its types. */
const { both } = copyStreams as unknown as { both(text: string, options: object): Duplex };

/** The name of the connections of a pass. */
export const CAPTURE_NAME = "ampsync_capture";
/** How often a server that never gives up on us hears how far we are. */
const LONGEST_STATUS_MS = 10_000;
/** A server that is asked for an answer with each status, and gives none for twice this time, or its own if longer, is gone. */
const SILENCE_MS = 30_000;
/** How long it may take until it sends: it may have to read its slot back, or wait for others who use it. */
const OPEN_MS = 60_000;
/** A walsender that does not end by itself in this time is left to the server. */
const END_MS = 2_000;

/** Microseconds from the beginning of Unix time to that of PostgreSQL's. */
const EPOCH_US = 946_684_800_000_000n;

/** What the server sends: a message of the output plugin, or how far it has read. */
export type Frame =
  | { readonly kind: "data"; readonly walEnd: bigint; readonly bytes: Buffer }
  | { readonly kind: "keepalive"; readonly walEnd: bigint };

/** Where changes come from, and where it is said that they are stored. */
export interface Transport extends AsyncDisposable {
  frames(signal: AbortSignal): AsyncGenerator<Frame>;
  acknowledge(stored: bigint): void;
  /** How long the server took for the last look; zero where it sends by itself. */
  readonly lookMs: number;
  /** Ends at once, as if the connection was lost. */
  leave(): void;
}

export interface ReplicationOptions {
  readonly url: string;
  readonly slot: string;
  /** Whose reader it is: by its session's name the database tells one of a worker that froze before it took capture over. */
  readonly workerId: string;
  readonly publication: string;
  /** The end of the newest transaction that is stored: what follows is sent. */
  readonly startLsn: bigint;
  /** Gives up opening it. */
  readonly signal: AbortSignal;
  /** How long a server that should answer may be silent; by default longer than it takes itself to find that we are. */
  readonly silenceMs?: number;
}

/**
 * A logical replication stream. While its reader is busy nothing more is read, and the server waits; it hears how far we are
 * all the same, by a timer, so that it does not take us for dead.
 */
export class Replication implements Transport {
  readonly lookMs = 0;
  readonly #client: pg.Client;
  readonly #stream: Duplex;
  readonly #timer: NodeJS.Timeout;
  readonly #changed = new Condition();
  readonly #silenceMs: number;
  #failure: Error | null = null;
  /** Since when its reader waits for the server; null: it does not. */
  #waitsSince: number | null = null;
  /** What is acknowledged: zero says nothing. */
  #acknowledged = 0n;
  #isOver = false;

  private constructor(client: pg.Client, stream: Duplex, { statusMs, silenceMs }: Times) {
    this.#client = client;
    this.#stream = stream;
    this.#silenceMs = silenceMs;
    this.#timer = setInterval(() => this.#beat(), statusMs);
    stream.on("error", (error) => this.#fail(error));
    stream.on("end", () => this.#fail(ended()));
    stream.on("readable", () => this.#changed.notifyAll());
  }

  /** Resolves once the server has begun to send: the slot is ours. Rejects with 55006 where somebody else reads it. */
  static async open(options: ReplicationOptions): Promise<Replication> {
    const config = {
      connectionString: options.url,
      replication: "database", // A parameter of the connection, which pg passes on; its type does not have it.
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEPALIVE_AFTER_MS,
      connectionTimeoutMillis: CONNECT_MS,
    };
    const client = new pg.Client(config);
    client.on("error", () => {}); // The stream says what happened.
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(lost("the server does not begin to send changes")), OPEN_MS);
    try {
      return await unlessAborted(
        Replication.#begun(client, options),
        AbortSignal.any([options.signal, limit.signal]),
      );
    } catch (error) {
      socketOf(client).destroy();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  static async #begun(client: pg.Client, options: ReplicationOptions): Promise<Replication> {
    await client.connect();
    await setUpSession(client, `${CAPTURE_NAME} ${options.workerId}`);
    // A reader that is busy takes nothing for longer than that; wal_sender_timeout finds those that are gone.
    await client.query("set tcp_user_timeout = 0");
    const { rows } = await client.query(
      "select s.setting::integer as ms from pg_settings s where s.name = 'wal_sender_timeout'",
    );
    const timeoutMs: number = rows[0].ms;
    const { silenceMs = 2 * Math.max(timeoutMs, SILENCE_MS) } = options;
    const stream = await begin(client, options);
    const longestMs = Math.min(LONGEST_STATUS_MS, silenceMs / 4);
    const statusMs = timeoutMs === 0 ? longestMs : Math.min(timeoutMs / 3, longestMs);
    return new Replication(client, stream, { statusMs, silenceMs });
  }

  /** Frames as they come, until the signal aborts; rejects when the server or the network ends the stream. */
  async *frames(signal: AbortSignal): AsyncGenerator<Frame> {
    const wake = () => this.#changed.notifyAll();
    signal.addEventListener("abort", wake);
    try {
      while (!signal.aborted) {
        if (this.#failure !== null) throw this.#failure;
        const changed = this.#changed.next;
        const bytes: Buffer | null = this.#stream.read();
        const frame = bytes === null ? null : this.#read(bytes);
        if (frame !== null) yield frame;
        else if (bytes === null) await this.#waitFor(changed);
      }
    } finally {
      signal.removeEventListener("abort", wake);
    }
  }

  /**
   * The one place that acknowledges. `stored` is the end of the newest transaction in the log, or a place up to which nothing
   * else was sent and which is stored as such. Exactly that: one byte more, and the transaction that begins there is lost.
   */
  acknowledge(stored: bigint): void {
    if (stored > this.#acknowledged) this.#acknowledged = stored;
    this.#tell();
  }

  leave(): void {
    this.#fail(lost("the server stops"));
    socketOf(this.#client).destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#tell();
    this.#isOver = true;
    const socket = socketOf(this.#client);
    if (socket.destroyed) return;
    const closed = once(socket, "close").catch(() => {});
    void this.#client.end().catch(() => {});
    // What still comes is nobody's; the end of the connection is behind it.
    socket.removeAllListeners("readable");
    socket.resume();
    const limit = setTimeout(() => socket.destroy(), END_MS);
    await closed;
    clearTimeout(limit);
  }

  async #waitFor(changed: Promise<void>): Promise<void> {
    this.#waitsSince = performance.now();
    await changed;
    this.#waitsSince = null;
  }

  #read(bytes: Buffer): Frame | null {
    switch (bytes[0]) {
      case 0x77: // w: start, end, time, content
        return { kind: "data", walEnd: bytes.readBigUInt64BE(9), bytes: bytes.subarray(25) };
      case 0x6b: // k: end, time, whether an answer is asked for
        if (bytes[17] === 1) this.#answer(bytes.readBigUInt64BE(1));
        return { kind: "keepalive", walEnd: bytes.readBigUInt64BE(1) };
      default:
        return null;
    }
  }

  /**
   * Says that all was received, and nothing of what is stored, which zero leaves as it is. A server that stops waits for
   * nothing else, and would wait for ever for idle WAL to be stored: nobody can store anything then.
   */
  #answer(received: bigint): void {
    if (!this.#isOver && this.#failure === null) this.#stream.write(statusOf(0n, received));
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#changed.notifyAll();
  }

  /** Says how far we are, and asks for an answer: a server that gives none is gone, though its connection is not. */
  #beat(): void {
    const isSilent = this.#waitsSince !== null && performance.now() - this.#waitsSince > this.#silenceMs;
    if (isSilent) this.#fail(lost("the server sends nothing, and does not answer"));
    else this.#tell(true);
  }

  #tell(asks = false): void {
    if (this.#isOver || this.#failure !== null) return;
    this.#stream.write(statusOf(this.#acknowledged, this.#acknowledged, asks));
  }
}

interface Times {
  readonly statusMs: number;
  readonly silenceMs: number;
}

async function begin(
  client: pg.Client,
  { slot, publication, startLsn }: ReplicationOptions,
): Promise<Duplex> {
  const options = `proto_version '1', publication_names '${pg.escapeIdentifier(publication)}', messages 'true'`;
  const text = `START_REPLICATION SLOT ${pg.escapeIdentifier(slot)} LOGICAL ${lsnText(startLsn)} (${options})`;
  // One frame at a time, as it was sent.
  const stream = both(text, { alignOnCopyDataFrame: true, readableObjectMode: true });
  client.query(stream as unknown as pg.Submittable);
  stream.read(0); // It looks at nothing before somebody reads.
  const { promise: begun, resolve, reject } = Promise.withResolvers<void>();
  stream.on("error", reject);
  stream.write(statusOf(0n), () => resolve()); // It is taken once the server has begun.
  await begun;
  return stream;
}

/** A standby's status: how far it has written, flushed and applied. */
function statusOf(stored: bigint, received: bigint = stored, asksForAnswer = false): Buffer {
  const status = Buffer.alloc(34);
  status.write("r");
  for (const [at, lsn] of [
    [1, received],
    [9, stored],
    [17, stored],
  ] as const)
    status.writeBigUInt64BE(lsn, at);
  status.writeBigInt64BE(BigInt(Date.now()) * 1000n - EPOCH_US, 25);
  status.writeUInt8(asksForAnswer ? 1 : 0, 33);
  return status;
}

function ended(): Error {
  return lost("the server ended the stream of changes");
}

/** As if the connection was lost. */
export function lost(message: string): Error {
  return Object.assign(new Error(message), { code: "08006" });
}
