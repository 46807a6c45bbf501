import type { BlockRange } from "../../model/block-range.ts";
import { encodeValues } from "../arrow/encode-values.ts";
import { encodeBatch } from "../arrow/ipc.ts";
import { type Rows, splitRows } from "../arrow/split-rows.ts";
import type { Answer } from "./answer.ts";
import { nextRange } from "./next-range.ts";
import type { Plan } from "./plan.ts";
import { invalidArgument } from "./refusal.ts";

/** Sends the whole result once: at least one batch, then an empty one that says it is complete. */
export async function batchAnswer(answer: Answer, plan: Plan): Promise<void> {
  const { chain, network } = plan.source;
  if (plan.nonIncremental !== null && plan.kind !== "head") {
    throw invalidArgument(`planning error | Caused by: ${plan.nonIncremental} is not supported`);
  }
  const everything = { maxBlocks: Number.MAX_SAFE_INTEGER, storesOrphans: true };
  const range = nextRange(network, chain, null, everything);
  const ranges = range === null ? [] : [range];
  const rows = plan.kind === "head" ? headRow(plan) : allRows(plan, range);

  await answer.schema();
  if (rows.count === 0) {
    await answer.noRows(ranges);
  }
  for (const batch of splitRows(rows)) {
    await answer.rows(batch, ranges);
  }
  await answer.watermark(ranges);
}

function headRow(plan: Plan): Rows {
  const head = encodeValues(plan.schema.fields[0]!.type, [plan.source.lastBlockWithRows(plan.table)]);
  return { count: 1, encode: () => encodeBatch(1, [head]) };
}

function allRows(plan: Plan & { kind: "rows" }, range: BlockRange | null): Rows {
  return range === null
    ? { count: 0, encode: () => encodeBatch(0, []) }
    : plan.source.rows(plan.table, plan.columns, range.start, range.end);
}
