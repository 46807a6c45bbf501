import type { ArrowBatch } from "../arrow/batch.ts";
import { addUp, type ColumnCount, RejectedRows, type ValueReport } from "../model/value-report.ts";
import type { BadValues } from "./bad-values.ts";
import { bindBatch } from "./bound-batch.ts";
import type { Dictionaries } from "./dictionaries.ts";
import { JsonBudget } from "./json-budget.ts";
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
  /** The batch whose rows were last rendered, and its renderer. */
  #told: { readonly batch: ArrowBatch; readonly textOf: (row: number) => string } | null = null;

  constructor(plan: TablePlan, dictionaries: Dictionaries) {
    this.#plan = plan;
    this.#dictionaries = dictionaries;
    this.#rejected = new RejectedRows(plan.table);
  }

  get report(): ValueReport {
    return { rejected: this.#rejected.rows, nulled: this.#nulled, nuls: this.#nuls };
  }

  /** Adds what happened in a batch since the last call; of the rejected rows, those before `end`. */
  add(
    batch: ArrowBatch,
    bad: BadValues,
    nul: NulPolicy,
    end: number,
    blockOf: (row: number) => bigint,
  ): void {
    const nulled = bad.takeNulled().map((each) => ({
      column: each.place.column,
      count: 1,
      block: blockOf(each.row),
      row: each.row,
      reason: each.reason,
    }));
    const nuls = nul.takeCounts().map(({ column, texts, firstRow }) => ({
      column,
      count: texts,
      block: blockOf(firstRow),
      row: firstRow,
      reason: "PostgreSQL cannot store the character U+0000 in text",
    }));
    if (nulled.length > 0) {
      this.#nulled = addUp([...this.#nulled, ...nulled]);
    }
    if (nuls.length > 0) {
      this.#nuls = addUp([...this.#nuls, ...nuls]);
    }
    for (const [row, { column, code, reason }] of bad.rejected) {
      if (row < end) {
        const values = this.#rejected.hasRoom ? this.#textOf(batch, row) : null;
        this.#rejected.add({ block: blockOf(row), row, column, sqlstate: code, reason, values });
      }
    }
  }

  #textOf(batch: ArrowBatch, row: number): string {
    if (this.#told?.batch !== batch) {
      this.#told = { batch, textOf: rowTexts(this.#plan, batch, this.#dictionaries) };
    }
    return this.#told.textOf(row);
  }
}

/** Longer values are described by their length. */
const MAX_TOLD_BYTES = 64 * 1024;

/** Rows of a batch as JSON objects: U+0000 becomes U+FFFD; values that are too long, or that JSON cannot hold, are described in words. */
function rowTexts(plan: TablePlan, batch: ArrowBatch, dictionaries: Dictionaries): (row: number) => string {
  const budget = new JsonBudget(MAX_TOLD_BYTES);
  const nul = new NulPolicy("replace");
  const binding = bindBatch(plan, batch, dictionaries, nul, budget, ({ json }, ...where) =>
    json.bind(...where),
  );
  let bound = binding.next();
  while (!bound.done) {
    bound = binding.next();
  }
  const { columns } = bound.value;
  return (row) => {
    budget.begin();
    const members = columns.map((column) => {
      let text = "null";
      if (column.validity === null || column.validity.isSet(row)) {
        try {
          text = column.json(row);
        } catch (error) {
          if (!(error instanceof BadValue)) {
            throw error;
          }
          // For a value inside another one, the text says where it is.
          const isWhole = error.place.field === column.place.field;
          text = JSON.stringify(isWhole ? error.value : error.reason);
        }
      }
      return `${JSON.stringify(column.place.column)}:${text}`;
    });
    return `{${members.join(",")}}`;
  };
}
