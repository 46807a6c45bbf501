import type { ArrowBatch } from "../arrow/batch.ts";
import { BatchReader } from "./batch-reader.ts";
import { BlockNumbers } from "./block-numbers.ts";
import type { Column } from "./column.ts";
import type { Dictionaries } from "./dictionaries.ts";
import type { JsonBudget } from "./json-budget.ts";
import type { NulPolicy } from "./nul-policy.ts";
import type { Place } from "./place.ts";
import type { ColumnPlan, TablePlan } from "./plan.ts";

/** A batch whose columns are bound to the plan of its schema. */
export interface BoundBatch<C> {
  readonly rowCount: number;
  /** Null without `_block_num`. */
  readonly blocks: BlockNumbers | null;
  readonly columns: readonly C[];
}

type Bind<C> = (plan: ColumnPlan, reader: BatchReader, rowCount: number, place: Place) => C;

/** Binds the columns as COPY gets them. */
export const asFields: Bind<Column> = ({ arrow }, ...where) => arrow.bind(...where);

/**
 * Binds the columns of a plan to a batch; a batch that contradicts itself or the plan is
 * refused with SY101. Yields between columns, each of which may take time.
 */
export function* bindBatch<C>(
  plan: TablePlan,
  batch: ArrowBatch,
  dictionaries: Dictionaries,
  nul: NulPolicy,
  json: JsonBudget,
  bind: Bind<C>,
): Generator<void, BoundBatch<C>> {
  const { table, columns: plans, blockPosition } = plan;
  const { rowCount } = batch;
  const reader = new BatchReader(batch, dictionaries);
  const columns: C[] = [];
  let blocks: BlockNumbers | null = null;
  for (let i = 0; i <= plans.length; i++) {
    if (i === blockPosition) {
      blocks = new BlockNumbers(table, reader, rowCount);
    }
    const column = plans[i];
    if (column !== undefined) {
      const { name, notNull } = column;
      const row = (index: number) => index;
      const place = { table, column: name, field: name, notNull, nul, json, row };
      columns.push(bind(column, reader, rowCount, place));
      yield;
    }
  }
  reader.end();
  return { rowCount, blocks, columns };
}
