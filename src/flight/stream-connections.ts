import type { Client } from "@grpc/grpc-js";

import type { Connection } from "./connection.ts";

/** Fewer than the proxies in use allow on a connection, of which nginx allows the fewest: 128. */
const STREAMS_PER_CONNECTION = 50;
/** How long it is remembered that a server takes fewer. */
const REMEMBERED_MS = 600_000;
/** A server that answers later than this on a connection of its own is slow: the one before need not have been full. */
const PROMPT_MS = 2_000;

/** The connection stands, but does not answer: it may have as many streams as its peer allows. */
export class ConnectionFull extends Error {
  /** How many streams it has, where that was just found out. */
  readonly streams: number | null;

  constructor(streams: number | null = null) {
    super("the connection has as many streams as its peer allows");
    this.streams = streams;
  }
}

/** How a stream begins: plans its query and requests the answer, both on this connection. */
export interface Beginning {
  readonly client: Client;
  /** No other stream is on the connection, so it cannot be full. */
  readonly isAlone: boolean;
  /** To be called if the connection cannot be established, or answers nothing: whoever waits for it fails as well. */
  readonly onLate: (error: Error) => void;
}

/**
 * The connections of all streams to one server. A server or a proxy that allows no more streams on a connection says
 * nothing: further requests wait until a stream ends. So streams begin one after the other on each connection, and
 * one whose query is not planned in time begins again on another one.
 */
export class StreamConnections {
  readonly #connect: () => Connection;
  readonly #connections = new Set<SharedByStreams>();
  #limit: { readonly streams: number; readonly until: number } | null = null;

  constructor(connect: () => Connection) {
    this.#connect = connect;
  }

  /**
   * Begins a stream, by a function that rejects with ConnectionFull if the connection may be full. The stream has
   * its place until `leave` is called.
   */
  async begin<Stream>(
    begin: (beginning: Beginning) => Promise<Stream>,
    signal: AbortSignal,
  ): Promise<{ readonly stream: Stream; readonly leave: () => void }> {
    /** How many streams the connection had that did not take this one. */
    let found: number | null = null;
    while (true) {
      const connection = this.#withRoom();
      connection.places += 1;
      try {
        let begunAt = 0;
        const stream = await connection.inTurn(() => {
          begunAt = performance.now();
          return this.#beginOn(connection, begin);
        }, signal);
        if (found !== null && performance.now() - begunAt < PROMPT_MS) {
          this.#limit = { streams: found, until: performance.now() + REMEMBERED_MS };
        }
        return { stream, leave: this.#leaver(connection) };
      } catch (error) {
        this.#leave(connection);
        if (!(error instanceof ConnectionFull)) throw error;
        found ??= error.streams;
      }
    }
  }

  async #beginOn<Stream>(
    connection: SharedByStreams,
    begin: (beginning: Beginning) => Promise<Stream>,
  ): Promise<Stream> {
    if (connection.failure !== null) {
      throw connection.failure;
    }
    if (connection.isFull || connection.streams >= this.#most) {
      throw new ConnectionFull();
    }
    try {
      const stream = await begin({
        client: connection.client,
        isAlone: connection.streams === 0,
        onLate: (error) => {
          connection.failure = error;
        },
      });
      connection.streams += 1;
      return stream;
    } catch (error) {
      if (!(error instanceof ConnectionFull)) throw error;
      connection.isFull = true;
      throw new ConnectionFull(connection.streams);
    }
  }

  get #most(): number {
    if (this.#limit !== null && performance.now() >= this.#limit.until) {
      this.#limit = null;
    }
    return this.#limit?.streams ?? STREAMS_PER_CONNECTION;
  }

  #withRoom(): SharedByStreams {
    for (const connection of this.#connections) {
      const { places, isFull, failure } = connection;
      if (places < this.#most && !isFull && failure === null) return connection;
    }
    const connection = new SharedByStreams(this.#connect());
    this.#connections.add(connection);
    return connection;
  }

  #leaver(connection: SharedByStreams): () => void {
    let hasLeft = false;
    return () => {
      if (hasLeft) return;
      hasLeft = true;
      connection.streams -= 1;
      connection.isFull = false;
      this.#leave(connection);
    };
  }

  #leave(connection: SharedByStreams): void {
    connection.places -= 1;
    if (connection.places === 0) {
      this.#connections.delete(connection);
      connection.close();
    }
  }
}

/** A connection and what is known of it. */
class SharedByStreams {
  readonly #connection: Connection;
  /** Streams that are on it or will begin on it … */
  places = 0;
  /** … and those that have begun. */
  streams = 0;
  /** No stream can begin before another one has ended. */
  isFull = false;
  /** Why nothing can begin on it any more. */
  failure: Error | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get client(): Client {
    return this.#connection.client;
  }

  /** Does the work when that of all who came before is done, unless the signal says that nobody waits any more. */
  inTurn<Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    this.#last = this.#last.then(async () => {
      signal.removeEventListener("abort", onAbort);
      if (!signal.aborted) await work().then(resolve, reject);
    });
    return promise;
  }

  close(): void {
    this.#connection.close();
  }
}
