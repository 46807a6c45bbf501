import type { CommitQueue } from "../commit/commit-queue.ts";
import type { CommitStatements } from "../commit/commit-writer.ts";
import type { MicrobatchEnd } from "../commit/microbatch-buffer.ts";
import { type CopyTarget, literal } from "../commit/statements.ts";
import type { Lease } from "../db/lease-calls.ts";
import type { Repair, StreamLease } from "../db/stream-calls.ts";
import { cleanText } from "../model/foreign-text.ts";
import { isEmpty, joinReports, type ValueReport } from "../model/value-report.ts";
import type { Removal } from "../protocol/stream-memory.ts";
import type { Watermark } from "../protocol/watermark.ts";

/** What commit_apply is told of a microbatch. */
export interface StampedWatermark extends MicrobatchEnd {
  readonly watermark: Watermark;
  readonly network: string;
  /** Unix seconds of its last block; null where the server does not tell it. */
  readonly timestamp: number | null;
}

export type StreamCommits = CommitQueue<Removal, StampedWatermark>;

/** The target of a lease's stream, for rows with these fields. */
export function targetOf(lease: StreamLease, columns: readonly string[]): CopyTarget {
  return { schema: lease.targetSchema, table: lease.targetTable, columns };
}

/** What the commits of a stream begin and end with; each goes on from the checkpoint there is by then. */
export function commitStatements(
  lease: Lease,
  checkpoint: () => bigint | null,
): CommitStatements<Removal, StampedWatermark> {
  return {
    begin: (removal) => beginApply(lease, removal),
    end: (watermarks) => commitApply(lease, checkpoint(), watermarks),
  };
}

function beginApply({ streamId, epoch }: Lease, removal: Removal | null): string {
  if (removal === null) {
    return `call ampsync_worker.begin_apply(${streamId}, ${epoch})`;
  }
  const from = removal.from === null ? "null" : `${removal.from}`;
  const parent = removal.parentHash === null ? "null" : `decode('${removal.parentHash.slice(2)}', 'hex')`;
  return `call ampsync_worker.begin_apply(${streamId}, ${epoch}, true, ${from}, ${parent})`;
}

/** `checkpoint`: the one we went on from. `stamped`: oldest first, at least one. */
function commitApply(
  { streamId, epoch }: Lease,
  checkpoint: bigint | null,
  stamped: readonly StampedWatermark[],
): string {
  const last = stamped.at(-1);
  if (last === undefined) {
    throw new Error("a commit has no watermark");
  }
  const watermarks = stamped.map(({ watermark, timestamp, ledger }) => ({
    start: watermark.start.toString(),
    end: watermark.end.toString(),
    hash: watermark.hash,
    prev_hash: watermark.prevHash,
    timestamp: timestamp?.toString() ?? null,
    rows: ledger.rows.toString(),
    id_xor: ledger.idXor.toString(),
  }));
  const values = [
    streamId,
    epoch,
    checkpoint ?? "null",
    literal(last.network),
    `${literal(JSON.stringify(watermarks))}::jsonb`,
    stamped.reduce((sum, { ledger }) => sum + ledger.rows, 0),
    valuesOf(joinReports(stamped.map(({ report }) => report))),
  ];
  return `call ampsync_worker.commit_apply(${values.join(", ")})`;
}

export function beginRepair({ streamId, epoch }: Lease, { start, end }: Repair): string {
  return `call ampsync_worker.begin_repair(${streamId}, ${epoch}, ${start}, ${end})`;
}

export function commitRepair(
  { streamId, epoch }: Lease,
  { start, end, ownHash }: Repair,
  rows: number,
  report: ValueReport,
): string {
  const hash = ownHash === null ? "null" : `decode('${ownHash.toString("hex")}', 'hex')`;
  return `call ampsync_worker.commit_repair(${streamId}, ${epoch}, ${start}, ${end}, ${hash}, ${rows}, ${valuesOf(report)})`;
}

/** The argument p_values of commit_apply and commit_repair. */
function valuesOf(report: ValueReport): string {
  if (isEmpty(report)) {
    return "null";
  }
  // The values of a row are JSON already, and numbers in them need not fit a JS number.
  const rejected = report.rejected.map(
    ({ values, ...row }) => `${textOf(row).slice(0, -1)},"values":${values}}`,
  );
  const counts = (kind: "nulled" | "nuls") => `"${kind}":[${report[kind].map(textOf).join(",")}]`;
  return `${literal(`{"rejected":[${rejected.join(",")}],${counts("nulled")},${counts("nuls")}}`)}::jsonb`;
}

function textOf(row: object): string {
  return JSON.stringify(row, (_, value) =>
    typeof value === "bigint" ? value.toString() : typeof value === "string" ? cleanText(value) : value,
  );
}
