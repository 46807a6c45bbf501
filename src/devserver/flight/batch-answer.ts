import type { BlockRange } from "../../protocol/block-range.ts";
import { encodeValues } from "../arrow/encode-values.ts";
import { encodeBatch } from "../arrow/ipc.ts";
import { type Rows, splitRows } from "../arrow/split-rows.ts";
import type { Answer } from "./answer.ts";
import { nextRange } from "./next-range.ts";
import type { Plan, RowsPlan } from "./plan.ts";
import { invalidArgument } from "./refusal.ts";
import { NO_ROWS, rowsOf } from "./rows-of.ts";

/** Sends the whole result once: at least one batch, then an empty one that marks it complete. */
export async function batchAnswer(answer: Answer, plan: Plan, rowsPerBatch: number | null): Promise<void> {
  const { chain, network } = plan.source;
  const keepsOrder = plan.nonIncremental === null || (plan.nonIncremental === "Sort" && plan.ordersByBlock);
  if (plan.kind === "head" ? plan.blocks !== null : !keepsOrder) {
    throw invalidArgument(`planning error | Caused by: ${plan.nonIncremental ?? "Filter"} is not supported`);
  }
  const everything = { maxBlocks: Number.MAX_SAFE_INTEGER, storesOrphans: true };
  const range = nextRange(network, chain, null, everything);
  const ranges = range === null ? [] : [range];
  const rows = plan.kind === "head" ? headRow(plan) : allRows(plan, range);

  await answer.schema();
  if (rows.count === 0) {
    await answer.noRows(ranges);
  }
  for (const batch of splitRows(rows, rowsPerBatch)) {
    await answer.rows(batch, ranges);
  }
  await answer.watermark(ranges);
}

function headRow(plan: Plan): Rows {
  const head = encodeValues(plan.schema.fields[0]!.type, [plan.source.lastBlockWithRows(plan.table)]);
  return { count: 1, encode: () => encodeBatch(1, [head]) };
}

function allRows(plan: RowsPlan, range: BlockRange | null): Rows {
  return range === null ? NO_ROWS : rowsOf(plan, range);
}
