import type { ArrowBatch } from "../model/arrow-batch.ts";
import { addUp, type ColumnCount, RejectedRows, type ValueReport } from "../model/value-report.ts";
import type { BadValues } from "./bad-values.ts";
import { bindBatch } from "./bound-batch.ts";
import type { Dictionaries } from "./dictionaries.ts";
import { NulPolicy } from "./nul-policy.ts";
import { BadValue } from "./place.ts";
import type { TablePlan } from "./plan.ts";

/** What happened to the values of a microbatch, by block. */
export class ValueLog {
  readonly #plan: TablePlan;
  readonly #dictionaries: Dictionaries;
  readonly #rejected: RejectedRows;
  #nulled: readonly ColumnCount[] = [];
  #nuls: readonly ColumnCount[] = [];

  constructor(plan: TablePlan, dictionaries: Dictionaries) {
    this.#plan = plan;
    this.#dictionaries = dictionaries;
    this.#rejected = new RejectedRows(plan.table);
  }

  get report(): ValueReport {
    return { rejected: this.#rejected.rows, nulled: this.#nulled, nuls: this.#nuls };
  }

  /** Adds what happened in a batch. */
  add(batch: ArrowBatch, bad: BadValues, nul: NulPolicy, blockOf: (row: number) => bigint): void {
    const nulled = bad.nulled.map((each) => ({
      column: each.place.column,
      count: 1,
      block: blockOf(each.row),
      row: each.row,
      reason: each.reason,
    }));
    const nuls = nul.counts.map(({ column, texts, firstRow }) => ({
      column,
      count: texts,
      block: blockOf(firstRow),
      row: firstRow,
      reason: "PostgreSQL cannot store the character U+0000 in text",
    }));
    this.#nulled = addUp([...this.#nulled, ...nulled]);
    this.#nuls = addUp([...this.#nuls, ...nuls]);
    if (bad.rejected.size > 0) {
      this.#reject(batch, bad.rejected, blockOf);
    }
  }

  #reject(
    batch: ArrowBatch,
    rejected: ReadonlyMap<number, BadValue>,
    blockOf: (row: number) => bigint,
  ): void {
    const textOf = rowTexts(this.#plan, batch, this.#dictionaries);
    for (const [row, bad] of rejected) {
      this.#rejected.add({
        block: blockOf(row),
        row,
        column: bad.place.column,
        sqlstate: "SY203",
        reason: bad.reason,
        values: this.#rejected.hasRoom ? textOf(row) : null,
      });
    }
  }
}

/** Rows of a batch as JSON objects: U+0000 as U+FFFD, and what JSON cannot tell in words. */
function rowTexts(plan: TablePlan, batch: ArrowBatch, dictionaries: Dictionaries): (row: number) => string {
  const { columns } = bindBatch(plan, batch, dictionaries, new NulPolicy("replace"), ({ json }, ...where) =>
    json.bind(...where),
  );
  return (row) => {
    const members = columns.map((column) => {
      let text = "null";
      if (column.validity === null || column.validity.isSet(row)) {
        try {
          text = column.json(row);
        } catch (error) {
          if (!(error instanceof BadValue)) {
            throw error;
          }
          // Of a value inside of another one it must be told where.
          const isWhole = error.place.field === column.place.field;
          text = JSON.stringify(isWhole ? error.value : error.reason);
        }
      }
      return `${JSON.stringify(column.place.column)}:${text}`;
    });
    return `{${members.join(",")}}`;
  };
}
