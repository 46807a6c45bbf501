import { commitWithoutRows } from "../commit/commit-without-rows.ts";
import { MeasuredTransaction } from "../commit/measured-transaction.ts";
import type { CopyTarget } from "../commit/statements.ts";
import { WriteTransaction } from "../commit/write.ts";
import type { WriterSessionOptions } from "../commit/writer-session.ts";
import type { Lease } from "../db/lease-calls.ts";
import type { CommitSize } from "../model/commit-size.ts";
import { beginPages, commitPages } from "./commit-statements.ts";
import { copyRecords } from "./copy-records.ts";
import type { Page } from "./page.ts";

/** The columns of a staging table. */
const COLUMNS = ["n", "record"];

/** Writes pages in one transaction: their records into staging, from there into the target, and the positions after them. */
export async function writePages(
  lease: Lease,
  staging: Omit<CopyTarget, "columns">,
  pages: readonly Page[],
  options: WriterSessionOptions,
): Promise<CommitSize> {
  const begin = beginPages(lease);
  const end = commitPages(lease, pages);
  const records = pages.reduce((sum, page) => sum + page.records.count, 0);
  if (records === 0) {
    const since = performance.now();
    for (const { held } of pages) held.release();
    await commitWithoutRows(options, begin, end);
    return { microbatches: 0, rows: 0, bytes: 0, copyMs: 0, commitMs: performance.now() - since };
  }
  const target = { ...staging, columns: COLUMNS };
  const transaction = await MeasuredTransaction.open(() =>
    WriteTransaction.open({ ...options, target }, begin, end),
  );
  let bytes = 0;
  for (const chunk of copyRecords(pages)) {
    await transaction.write(chunk);
    bytes += chunk.length;
  }
  await transaction.commit(() => end);
  return { microbatches: 0, rows: records, bytes, ...transaction.times };
}
