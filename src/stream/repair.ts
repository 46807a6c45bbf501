import { setImmediate as turn } from "node:timers/promises";
import { CarefulTransaction } from "../commit/careful-write.ts";
import type { Refusals } from "../commit/transaction.ts";
import type { ServerWait } from "../db/server-wait.ts";
import type { Repair, StreamCalls, StreamLease } from "../db/stream-calls.ts";
import { copyColumns, type TablePlan } from "../encoder/plan.ts";
import { RowEncoder } from "../encoder/row-encoder.ts";
import { AmpsyncError } from "../errors.ts";
import type { Log } from "../log.ts";
import { tableRefSql } from "../model/dataset-ref.ts";
import { failureOf, reactionTo } from "../model/failure.ts";
import { joinReports } from "../model/value-report.ts";
import { beginRepair, commitRepair, targetOf } from "./commit-statements.ts";
import type { PassDeps } from "./pass-deps.ts";
import { checkSchema, planSent, selectSql } from "./table-query.ts";

export interface RepairPass {
  readonly deps: PassDeps;
  readonly calls: StreamCalls;
  readonly lease: StreamLease;
  /** The table's columns in their stored order. */
  readonly plan: TablePlan;
  /** Of the table in the server's SQL. */
  readonly reference: string;
  readonly log: Log;
  readonly writerWait: ServerWait;
  readonly signal: AbortSignal;
  /** Called with each message that came, before anything is made of it. */
  readonly onReceived: () => Promise<void>;
}

/**
 * Does the repairs of a stream that are due, before its pass goes on. One that
 * fails is put off, so that it never keeps the stream from moving: rejects only
 * where the pass itself is over.
 */
export async function runRepairs(pass: RepairPass): Promise<void> {
  const { calls } = pass;
  for (
    let repair = await calls.nextRepair(pass.lease);
    repair !== null;
    repair = await calls.nextRepair(pass.lease)
  ) {
    const range = { start: repair.start, end: repair.end };
    try {
      const rows = await refetch(pass, repair);
      pass.log.info("repaired", { ...range, rows });
    } catch (error) {
      const failure = failureOf(error);
      if (pass.signal.aborted || reactionTo(failure.code) === "lost") {
        throw error;
      }
      pass.log.warn("repair_deferred", { ...range, code: failure.code, error: failure.message });
      await calls.deferRepair(pass.lease, repair, failure);
    }
  }
}

/**
 * Refuses a server whose head is below the blocks to be repaired: it would send part of them as if it was all.
 * The table of blocks tells the head; where a dataset has none of this network, the newest block with a row, which may be lower
 * than the head, but no lower than here.
 */
async function checkHead(
  { deps, lease, reference, signal }: Pick<RepairPass, "deps" | "lease" | "reference" | "signal">,
  { end, newestRow }: Repair,
): Promise<void> {
  const blocks = tableRefSql(lease, lease.version, "blocks");
  const ofBlocks = await deps.flight.highestBlock(blocks, signal).then(
    ({ block, network }) => ((network ?? lease.network) === lease.network ? block : null),
    (error: unknown) => {
      if (failureOf(error).code === "SY103") return null; // There is none.
      throw error;
    },
  );
  const head = ofBlocks ?? (await deps.flight.maxBlock(reference, signal)) ?? -1n;
  const needed = ofBlocks === null && newestRow !== null && newestRow < end ? newestRow : end;
  if (head < needed) {
    throw new AmpsyncError(
      "SY101",
      `the server lags: it holds blocks up to ${head}, and ${end} is to be repaired`,
      {
        detail: "Nothing was asked for; the rows stay as they were.",
        hint: "It is retried automatically: select * from ampsync.repairs;",
      },
    );
  }
}

/** Replaces the rows of exactly these blocks by what the server holds now, in one transaction; returns their number. */
async function refetch(
  { deps, lease, plan, reference, writerWait, signal, onReceived }: RepairPass,
  repair: Repair,
): Promise<number> {
  const { flight, permits, pool, hash, faults, limits } = deps;
  await checkHead({ deps, lease, reference, signal }, repair);
  const blocks = `"_block_num" >= ${repair.start} AND "_block_num" <= ${repair.end}`;
  // Batch queries promise no order, and the encoder needs one.
  const sql = `${selectSql(plan, reference)} WHERE ${blocks} ORDER BY "_block_num"`;
  const query = await flight.plan(sql, { stream: false, signal });
  const sent = planSent(plan, query.schema);
  const target = targetOf(lease, copyColumns(sent));

  const chunks: Uint8Array[] = [];
  const sink = {
    reserve(size: number) {
      const bytes = Buffer.allocUnsafeSlow(size);
      chunks.push(bytes);
      return { bytes, at: 0 };
    },
  };
  let encoder = new RowEncoder(sent, hash, lease);

  using _permit = await permits.take(signal);
  const { valuePolicy } = lease;
  const transaction = await CarefulTransaction.open(
    { pool, target, valuePolicy, wait: writerWait, faults, signal },
    beginRepair(lease, repair),
  );
  const stalled = new AbortController();
  const stall = () => {
    if (writerWait.since !== null) {
      timer.refresh(); // It is PostgreSQL that is waited for.
      return;
    }
    stalled.abort(
      new AmpsyncError("SY104", `no bytes for ${limits.stallMs / 1000} s in the middle of a repair`),
    );
  };
  const timer = setTimeout(stall, limits.stallMs); // The transaction that is open meanwhile holds vacuum back.
  const refusals: Refusals[] = [];
  try {
    for await (const message of flight.read(query, {
      signal: AbortSignal.any([signal, stalled.signal]),
      onReceived,
    })) {
      if (message.kind === "schema") {
        checkSchema(message.schema, query.schema);
        encoder = new RowEncoder(planSent(plan, message.schema), hash, lease);
        encoder.beginMicrobatch(repair);
        continue;
      }
      if (message.kind === "dictionary") {
        encoder.takeDictionary(message.dictionary);
        continue;
      }
      const parts = encoder.encode(message.batch, sink);
      for (let part = parts.next(); ; part = parts.next()) {
        for (const chunk of chunks.splice(0)) {
          const refused = await transaction.write(chunk);
          if (refused !== null) {
            refusals.push(refused);
          }
        }
        timer.refresh();
        if (part.done) {
          break;
        }
        await turn(); // For heartbeats and the other streams: a batch can be long work.
      }
    }
    const rows = refusals.reduce((left, { removed }) => left - removed.rows, encoder.ledger.rows);
    const report = joinReports([encoder.report, ...refusals.map((each) => each.report)]);
    await transaction.commit(() => commitRepair(lease, repair, rows, report));
    return rows;
  } finally {
    clearTimeout(timer);
    transaction.abort();
  }
}
