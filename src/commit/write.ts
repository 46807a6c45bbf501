import type { CopyIn } from "./copy-in.ts";
import { BEGIN, type CopyTarget, copyInto, SAVEPOINT, tableOf } from "./statements.ts";
import type { Transaction } from "./transaction.ts";
import { WriterSession, type WriterSessionOptions } from "./writer-session.ts";

export interface WriteOptions extends WriterSessionOptions {
  readonly target: CopyTarget;
}

/**
 * One writing transaction: a statement that begins it, COPY, a statement that ends it.
 *
 * Where the end is known from the beginning, everything is one message to the
 * server; otherwise the end is a second message. In either case the last check
 * and COMMIT travel together, so no client can freeze between them. A transaction
 * that fails takes its connection with it: nothing is left of either, whatever
 * state they were in.
 */
export class WriteTransaction implements Transaction {
  readonly #options: WriteOptions;
  readonly #session: WriterSession;
  /** The COPY under way. */
  #copy: CopyIn;
  /** The first message ends with COMMIT. */
  readonly #hasEnd: boolean;
  #hasSavepoint = false;

  private constructor(
    options: WriteOptions,
    session: WriterSession,
    statements: readonly string[],
    hasEnd: boolean,
  ) {
    this.#options = options;
    this.#session = session;
    this.#copy = this.#startCopy(statements);
    this.#hasEnd = hasEnd;
  }

  /** `end` is null where it is not known yet. */
  static async open(options: WriteOptions, begin: string, end: string | null): Promise<WriteTransaction> {
    const { target, faults } = options;
    const copy = copyInto(tableOf(target), target);
    const statements = [BEGIN, begin, copy, ...(end === null ? [] : [end, "commit"])];
    const session = await WriterSession.open(options);
    try {
      const transaction = new WriteTransaction(options, session, statements, end !== null);
      await transaction.#beginCopy();
      await faults.reach("copy_begun");
      return transaction;
    } catch (error) {
      session.abort();
      throw error;
    }
  }

  async write(chunk: Uint8Array): Promise<null> {
    await this.#session.answer(this.#copy.write(chunk));
    await this.#options.faults.reach("chunk_written");
    return null;
  }

  async savepoint(): Promise<void> {
    await this.#nextCopy(this.#hasSavepoint ? [`release ${SAVEPOINT}`, SAVEPOINT] : [SAVEPOINT]);
    this.#hasSavepoint = true;
  }

  async rollbackToSavepoint(): Promise<void> {
    await this.#nextCopy([`rollback to ${SAVEPOINT}`]);
  }

  async commit(end: () => string): Promise<void> {
    await this.#options.faults.reach("before_trailer");
    const written = this.#endCopy();
    if (this.#hasEnd) {
      await this.#session.committed(written);
    } else {
      await written;
      await this.#session.committed(this.#session.query(`${end()};\ncommit`));
    }
  }

  abort(): void {
    this.#session.abort();
  }

  /** The last of these statements, or the last but those that end the transaction, is a COPY. */
  #startCopy(statements: readonly string[]): CopyIn {
    const copy = this.#session.copy(statements.join(";\n"));
    copy.finished.catch(this.#session.fail);
    return copy;
  }

  async #beginCopy(): Promise<void> {
    await this.#session.answer(this.#copy.begin());
  }

  /** Resolves when PostgreSQL has taken all of it, and what follows it in its message. */
  async #endCopy(): Promise<void> {
    await this.#session.answer(this.#copy.end());
    await this.#session.answer(this.#copy.finished);
  }

  /** Ends the COPY under way, and begins another one after these statements. */
  async #nextCopy(before: readonly string[]): Promise<void> {
    const { target } = this.#options;
    await this.#endCopy();
    this.#copy = this.#startCopy([...before, copyInto(tableOf(target), target)]);
    await this.#beginCopy();
  }
}
