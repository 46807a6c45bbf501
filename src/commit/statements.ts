import pg from "pg";
import type { Lease, Repair } from "../db/calls.ts";
import { cleanText } from "../model/foreign-text.ts";
import type { Ledger } from "../model/ledger.ts";
import { isEmpty, joinReports, type ValueReport } from "../model/value-report.ts";
import type { Removal } from "../protocol/stream-memory.ts";
import type { Watermark } from "../protocol/watermark.ts";

/** Signature, flags, header extension: see "Binary Format" of COPY in PostgreSQL's manual. */
export const COPY_HEADER = Buffer.from("PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0", "latin1");
export const COPY_TRAILER = Buffer.from([0xff, 0xff]);

/** Whose rows go where. */
export interface WriteTarget {
  readonly streamId: bigint;
  readonly epoch: bigint;
  readonly schema: string;
  readonly table: string;
  /** In the order of the fields of each row. */
  readonly columns: readonly string[];
}

export interface StampedWatermark {
  readonly watermark: Watermark;
  /** Unix seconds of its last block; null where the server does not tell it. */
  readonly timestamp: number | null;
  /** Of the rows of its microbatch. */
  readonly ledger: Ledger;
  /** Of its values. */
  readonly report: ValueReport;
}

/** What commit_apply is told. */
export interface Commit {
  /** The checkpoint we went on from. */
  readonly expectedBlock: bigint | null;
  readonly network: string;
  /** Oldest first, at least one. */
  readonly watermarks: readonly StampedWatermark[];
  readonly rows: number;
}

/** The values that PostgreSQL itself refused, and what is missing in the target because of that. */
export interface Refusals {
  readonly report: ValueReport;
  readonly removed: Ledger;
}

/** The target of a lease's stream, for rows with these fields. */
export function targetOf(lease: Lease, columns: readonly string[]): WriteTarget {
  const { streamId, epoch, targetSchema: schema, targetTable: table } = lease;
  return { streamId, epoch, schema, table, columns };
}

/** A COPY may wait for the rows of a large microbatch, or for somebody's lock, longer than a call may take. */
export const BEGIN = "begin isolation level read committed;\nset local statement_timeout = '1h'";

/** COPY of rows into a table, for the columns of a target. */
export function copyInto(table: string, { columns }: WriteTarget): string {
  return `copy ${table} (${columns.map(ident).join(", ")}) from stdin (format binary)`;
}

export function tableOf({ schema, table }: WriteTarget): string {
  return `${ident(schema)}.${ident(table)}`;
}

export function beginApply(target: WriteTarget, removal: Removal | null): string {
  const lease = `${target.streamId}, ${target.epoch}`;
  if (removal === null) {
    return `call ampsync_worker.begin_apply(${lease})`;
  }
  const from = removal.from === null ? "null" : `${removal.from}`;
  const parent = removal.parentHash === null ? "null" : `decode('${removal.parentHash.slice(2)}', 'hex')`;
  return `call ampsync_worker.begin_apply(${lease}, true, ${from}, ${parent})`;
}

export function commitApply(target: WriteTarget, commit: Commit): string {
  const watermarks = commit.watermarks.map(({ watermark, timestamp, ledger }) => ({
    start: watermark.start.toString(),
    end: watermark.end.toString(),
    hash: watermark.hash,
    prev_hash: watermark.prevHash,
    timestamp: timestamp?.toString() ?? null,
    rows: ledger.rows.toString(),
    id_xor: ledger.idXor.toString(),
  }));
  const values = [
    target.streamId,
    target.epoch,
    commit.expectedBlock ?? "null",
    literal(commit.network),
    `${literal(JSON.stringify(watermarks))}::jsonb`,
    commit.rows,
    valuesOf(joinReports(commit.watermarks.map(({ report }) => report))),
  ];
  return `call ampsync_worker.commit_apply(${values.join(", ")})`;
}

export function beginRepair(target: WriteTarget, { start, end }: Repair): string {
  return `call ampsync_worker.begin_repair(${target.streamId}, ${target.epoch}, ${start}, ${end})`;
}

export function commitRepair(
  target: WriteTarget,
  { start, end, ownHash }: Repair,
  rows: number,
  report: ValueReport,
): string {
  const hash = ownHash === null ? "null" : `decode('${ownHash.toString("hex")}', 'hex')`;
  return `call ampsync_worker.commit_repair(${target.streamId}, ${target.epoch}, ${start}, ${end}, ${hash}, ${rows}, ${valuesOf(report)})`;
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

export const ident = pg.escapeIdentifier;
const literal = pg.escapeLiteral;
