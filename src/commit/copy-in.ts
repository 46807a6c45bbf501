import type pg from "pg";

import { COPY_HEADER, COPY_TRAILER } from "./statements.ts";

/** A message to the server: its type, its length with these four bytes, its content. */
const COPY_DATA = 0x64;
const COPY_DONE = 0x63;
const LENGTH_BYTES = 4;

/**
 * A query that holds one COPY FROM STDIN, among statements that return no rows. The client that it is submitted to
 * calls the `handle…` methods.
 *
 * Rows go straight to the socket, and `write` resolves when the socket has passed them on to the system: from then on
 * their memory may be used again.
 */
export class CopyIn implements pg.Submittable {
  readonly #text: string;
  /** The connection on which PostgreSQL asks for rows. */
  readonly #asked = Promise.withResolvers<pg.Connection>();
  readonly #finished = Promise.withResolvers<void>();
  /** PostgreSQL refused something: what is sent from now on would reach the next query. */
  #hasFailed = false;

  constructor(text: string) {
    this.#text = text;
    // An error may come when nothing is awaited any more.
    this.#asked.promise.catch(() => {});
    this.#finished.promise.catch(() => {});
  }

  /** Resolves when PostgreSQL has taken all rows, and what follows the COPY. Rejects with any error of the query. */
  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  /** Resolves once PostgreSQL asks for rows. */
  async begin(): Promise<void> {
    await this.write(COPY_HEADER);
  }

  /**
   * The bytes must not change before this resolves. It never does after an error of the query, such as a connection
   * that breaks.
   */
  async write(rows: Uint8Array): Promise<void> {
    await this.#send(COPY_DATA, rows);
  }

  /** Ends the rows; `finished` says what comes of them. */
  async end(): Promise<void> {
    await this.write(COPY_TRAILER);
    await this.#send(COPY_DONE);
  }

  submit(connection: pg.Connection): void {
    connection.query(this.#text);
  }

  handleCopyInResponse(connection: pg.Connection): void {
    this.#asked.resolve(connection);
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    this.#finished.resolve();
  }

  handleError(error: unknown): void {
    this.#hasFailed = true;
    this.#asked.reject(error);
    this.#finished.reject(error);
  }

  async #send(type: number, content: Uint8Array = new Uint8Array()): Promise<void> {
    const { stream } = await this.#asked.promise;
    const head = Buffer.alloc(1 + LENGTH_BYTES);
    head.writeUInt8(type);
    head.writeUInt32BE(LENGTH_BYTES + content.length, 1);
    await new Promise<void>((resolve) => {
      if (this.#hasFailed || !stream.writable) {
        return;
      }
      stream.cork(); // Head and content leave together, and neither is copied.
      stream.write(head);
      stream.write(content, (error) => {
        if (!error) resolve();
      });
      stream.uncork();
    });
  }
}
