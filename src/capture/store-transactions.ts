import type { Capture, CaptureCalls, Stored } from "../db/capture-calls.ts";
import { isTransient, textOf } from "../model/failure.ts";
import { linesOf, transactionsOf } from "./call-arguments.ts";
import type { CapturedTransaction } from "./transactions.ts";

/**
 * Stores whole transactions in one call. Where that is refused each is tried alone: so those before the one that cannot be
 * stored are, and that one is known.
 */
export async function storeTransactions(
  calls: CaptureCalls,
  capture: Capture,
  transactions: readonly CapturedTransaction[],
  onFailing: (commitLsn: bigint) => void,
): Promise<Stored> {
  try {
    return await calls.commitCapture(capture, transactionsOf(transactions), linesOf(transactions));
  } catch (error) {
    const [first, ...others] = transactions;
    if (first === undefined || isOfNone(error)) throw error;
    if (others.length === 0) {
      onFailing(first.commitLsn);
      throw error;
    }
  }
  let latest = capture;
  const answers: Stored[] = [];
  for (const transaction of transactions) {
    const stored = await storeTransactions(calls, latest, [transaction], onFailing);
    answers.push(stored);
    if (stored.mustReread) break;
    latest = { ...capture, commitLsn: stored.commitLsn };
  }
  return { ...answers.at(-1)!, tables: answers.findLast(({ tables }) => tables !== null)?.tables ?? null };
}

/** Of no transaction's making. */
function isOfNone(error: unknown): boolean {
  const code = textOf(error, "code");
  return code === null || code === "SY001" || isTransient(error);
}
