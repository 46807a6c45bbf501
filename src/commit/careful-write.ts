import type pg from "pg";
import { AmpsyncError } from "../errors.ts";
import { isPoison } from "../model/poison.ts";
import { addUp, type ColumnCount, RejectedRows } from "../model/value-report.ts";
import { CopyRows } from "./copy-rows.ts";
import { type RefusedRowSession, refusedColumn, rowAsJson } from "./refused-row.ts";
import { BEGIN, type CopyTarget, copyInto, SAVEPOINT, tableOf } from "./statements.ts";
import type { Refusals, Transaction } from "./transaction.ts";
import type { WriteOptions } from "./write.ts";
import { WriterSession } from "./writer-session.ts";

export interface CarefulOptions extends WriteOptions {
  /** What happens to rows that PostgreSQL refuses. */
  readonly valuePolicy: "fail" | "null" | "quarantine";
}

/**
 * A writing transaction that finds the rows that PostgreSQL refuses: each chunk is
 * a COPY of its own under a savepoint. A chunk that is refused is halved until a
 * single row is left, which is then handled by policy. That takes several round
 * trips per chunk, so it is for what a WriteTransaction could not write, and for
 * repairs.
 *
 * Halving does not depend on the text of the error, so it also finds what a
 * trigger forbids, in whatever language PostgreSQL speaks.
 */
export class CarefulTransaction implements Transaction, RefusedRowSession {
  readonly #options: CarefulOptions;
  readonly #session: WriterSession;
  readonly #rejected: RejectedRows;
  #nulled: ColumnCount[] = [];
  #removed = { rows: 0, idXor: 0n };
  /** The block of the last row, and its position among the rows of that block. */
  #last = { block: -1n, row: -1 };
  /** What a rollback restores; null before the first savepoint. */
  #saved: { readonly last: { block: bigint; row: number }; readonly rejected: number } | null = null;

  private constructor(options: CarefulOptions, session: WriterSession) {
    this.#options = options;
    this.#session = session;
    this.#rejected = new RejectedRows(tableOf(options.target));
  }

  static async open(options: CarefulOptions, begin: string): Promise<CarefulTransaction> {
    const session = await WriterSession.open(options);
    try {
      // Deferred constraints would refuse rows at COMMIT, when it is too late to find out which.
      await session.query(`${BEGIN}; set constraints all immediate; ${begin}`);
      await options.faults.reach("copy_begun");
      return new CarefulTransaction(options, session);
    } catch (error) {
      session.abort();
      throw error;
    }
  }

  async write(chunk: Uint8Array): Promise<Refusals | null> {
    const { length } = this.#rejected.rows;
    this.#nulled = [];
    this.#removed = { rows: 0, idXor: 0n };
    const rows = new CopyRows(chunk);
    await this.#copyRows(rows, 0, rows.count);
    await this.#options.faults.reach("chunk_written");
    const report = {
      rejected: this.#rejected.rows.slice(length),
      nulled: addUp(this.#nulled),
      nuls: [],
    };
    return report.rejected.length + report.nulled.length === 0 ? null : { report, removed: this.#removed };
  }

  async savepoint(): Promise<void> {
    await this.query(this.#saved === null ? SAVEPOINT : `release ${SAVEPOINT}; ${SAVEPOINT}`);
    this.#saved = { last: this.#last, rejected: this.#rejected.rows.length };
  }

  async rollbackToSavepoint(): Promise<void> {
    if (this.#saved === null) {
      throw new Error("there is no savepoint");
    }
    await this.query(`rollback to ${SAVEPOINT}`);
    this.#last = this.#saved.last;
    this.#rejected.truncate(this.#saved.rejected);
  }

  async commit(end: () => string): Promise<void> {
    await this.#options.faults.reach("before_trailer");
    await this.#session.committed(this.query(`${end()};\ncommit`));
  }

  abort(): void {
    this.#session.abort();
  }

  /** Part of RefusedRowSession, as `copy` and `attempt` are. */
  query(text: string): Promise<pg.QueryResult> {
    return this.#session.query(text);
  }

  async copy(table: string, target: CopyTarget, rows: Uint8Array): Promise<void> {
    const copy = this.#session.copy(copyInto(table, target));
    for (const send of [() => copy.begin(), () => copy.write(rows), () => copy.end()]) {
      await this.#session.answer(Promise.race([send(), copy.finished])); // PostgreSQL may refuse a row before it has all.
    }
    await this.#session.answer(copy.finished);
  }

  async attempt(work: () => Promise<void>): Promise<Error | null> {
    await this.query("savepoint attempt");
    try {
      await work();
    } catch (error) {
      await this.query("rollback to savepoint attempt; release savepoint attempt");
      return error instanceof Error ? error : new Error(String(error));
    }
    await this.query("release savepoint attempt");
    return null;
  }

  /** Copies the rows from `from` up to `to`, in halves where PostgreSQL refuses one of them. */
  async #copyRows(rows: CopyRows, from: number, to: number): Promise<void> {
    const { target } = this.#options;
    const error = await this.attempt(() => this.copy(tableOf(target), target, rows.bytes(from, to)));
    if (error === null) {
      for (let row = from; row < to; row++) {
        this.#last = this.#placeOf(rows, row);
      }
      return;
    }
    if (!isPoison(error)) {
      throw error;
    }
    if (to - from === 1) {
      await this.#refused(rows, from, error);
      return;
    }
    const middle = (from + to) >> 1;
    await this.#copyRows(rows, from, middle);
    await this.#copyRows(rows, middle, to);
  }

  /** Applies the value policy to a row that PostgreSQL refuses. */
  async #refused(rows: CopyRows, row: number, error: Error): Promise<void> {
    const { target, valuePolicy } = this.#options;
    const column = await refusedColumn(this, target, rows, row, error);
    const place = { ...this.#placeOf(rows, row), column: column?.name ?? null };
    const reason = error.message;
    if (valuePolicy === "null" && column !== null && rows.fields(row)[column.field] !== null) {
      this.#nulled.push({ ...place, column: column.name, count: 1, reason });
      await this.#copyRows(rows.withNulls(row, new Set([column.field])), 0, 1);
      return;
    }
    const sqlstate = String(Reflect.get(error, "code"));
    if (valuePolicy !== "quarantine") {
      const detail = [
        `PostgreSQL said ${sqlstate}`,
        ...(column === null ? [] : [`column ${column.name}`]),
        Reflect.get(error, "detail") ?? "no further detail",
      ].join("; ");
      const at = `Table ${tableOf(target)}, block ${place.block}, row ${place.row} of it`;
      throw new AmpsyncError("SY203", `${at}: ${reason}`, { detail, cause: error });
    }
    const values = this.#rejected.hasRoom ? await rowAsJson(this, target, rows, row) : null;
    this.#rejected.add({ ...place, sqlstate, reason, values });
    this.#removed = { rows: this.#removed.rows + 1, idXor: this.#removed.idXor ^ rows.idTail(row) };
    this.#last = this.#placeOf(rows, row);
  }

  /** The place of a row that follows the last one. */
  #placeOf(rows: CopyRows, row: number): { readonly block: bigint; readonly row: number } {
    const block = rows.block(row);
    return { block, row: block === this.#last.block ? this.#last.row + 1 : 0 };
  }
}
