import { encodeBatch } from "../arrow/ipc.ts";
import type { Rows } from "../arrow/split-rows.ts";
import type { RowsPlan } from "./plan.ts";

export const NO_ROWS: Rows = { count: 0, encode: () => encodeBatch(0, []) };

/** The rows of these blocks, both ends inclusive, that the filter of a statement lets pass. */
export function rowsOf(plan: RowsPlan, range: { readonly start: bigint; readonly end: bigint }): Rows {
  const { from, to } = { from: plan.blocks?.from ?? range.start, to: plan.blocks?.to ?? range.end };
  const start = from > range.start ? from : range.start;
  const end = to < range.end ? to : range.end;
  return start > end ? NO_ROWS : plan.source.rows(plan.table, plan.columns, start, end);
}
