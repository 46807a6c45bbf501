import { setImmediate as turn } from "node:timers/promises";

import { CarefulTransaction } from "../commit/careful-write.ts";
import type { Refusals } from "../commit/transaction.ts";
import type { ServerWait } from "../db/server-wait.ts";
import type { Repair } from "../db/stream-calls.ts";
import { AmpsyncError } from "../errors.ts";
import { tableRefSql } from "../model/dataset-ref.ts";
import { failureOf, reactionTo } from "../model/failure.ts";
import { joinReports, type ValueReport } from "../model/value-report.ts";
import { beginRepair, commitRepair, targetOf } from "./commit-statements.ts";
import type { PassContext } from "./pass-context.ts";
import { type SourceTable, TableStream } from "./table-query.ts";

/**
 * Does the repairs of a stream that are due, before its pass goes on. One that
 * fails is put off, so that it never keeps the stream from moving: rejects only
 * where the pass itself is over.
 */
export async function runRepairs(pass: PassContext, table: SourceTable): Promise<void> {
  const { calls } = pass;
  for (
    let repair = await calls.nextRepair(pass.lease);
    repair !== null;
    repair = await calls.nextRepair(pass.lease)
  ) {
    const range = { start: repair.start, end: repair.end };
    try {
      const rows = await refetch(pass, table, repair);
      pass.log.info("repaired", { ...range, rows });
    } catch (error) {
      const failure = failureOf(error);
      if (pass.control.signal.aborted || reactionTo(failure.code) === "lost") {
        throw error;
      }
      pass.log.warn("repair_deferred", { ...range, code: failure.code, error: failure.message });
      await calls.deferRepair(pass.lease, repair, failure);
    }
  }
}

/**
 * Refuses a server whose head is below the blocks to be repaired: it would send part of them as if it was all.
 * The table of blocks tells the head. Where the dataset has none of this network, the newest block with a row
 * tells it; that one may lie below the head, but has to reach the newest row here.
 */
async function checkHead(
  { deps, lease, reference, control }: PassContext,
  { end, newestRow }: Repair,
): Promise<void> {
  const { signal } = control;
  const blocks = tableRefSql(lease.sourceSchema, "blocks");
  const ofBlocks = await deps.flight.highestBlock(blocks, signal).then(
    ({ block, network }) => ((network ?? lease.network) === lease.network ? block : null),
    (error: unknown) => {
      if (failureOf(error).code === "SY103") return null; // There is none.
      throw error;
    },
  );
  const head = ofBlocks ?? (await deps.flight.highestBlock(reference, signal)).block ?? -1n;
  const needed = ofBlocks === null && newestRow !== null && newestRow < end ? newestRow : end;
  if (head < needed) {
    throw new AmpsyncError(
      "SY101",
      `the server lags: it holds blocks up to ${head}, and ${end} is to be repaired`,
      {
        detail: "Nothing was asked for; the rows stay as they were.",
        hint: "Retried automatically: select * from ampsync.repairs;",
      },
    );
  }
}

/** Replaces the rows of exactly these blocks by what the server holds now, in one transaction; returns their number. */
async function refetch(pass: PassContext, table: SourceTable, repair: Repair): Promise<number> {
  await checkHead(pass, repair);
  const { deps, lease, status } = pass;
  const { signal } = pass.control;
  const { permits, pool, faults, received } = deps;
  using stream = await TableStream.ofBlocks(table, repair, { signal, received });
  using _permit = await permits.take(signal);
  const target = targetOf(lease, stream.columns);
  const transaction = await CarefulTransaction.open(
    { pool, target, valuePolicy: lease.valuePolicy, wait: status.writerWait, faults, signal },
    beginRepair(lease, repair),
  );
  try {
    const { rows, report } = await copyBlocks(pass, repair, stream, transaction);
    await transaction.commit(() => commitRepair(lease, repair, rows, report));
    return rows;
  } finally {
    transaction.abort();
  }
}

/** Copies all rows of the answer; returns what the target holds of them, and what became of their values. */
async function copyBlocks(
  { deps, status, control }: PassContext,
  repair: Repair,
  stream: TableStream,
  transaction: CarefulTransaction,
): Promise<{ readonly rows: number; readonly report: ValueReport }> {
  const chunks: Uint8Array[] = [];
  const sink = {
    reserve(size: number) {
      const bytes = Buffer.allocUnsafeSlow(size);
      chunks.push(bytes);
      return { bytes, at: 0 };
    },
  };
  const refusals: Refusals[] = [];
  using silence = new Silence(deps.limits.stallMs, status.writerWait);
  const onReceived = () => status.showHolds(true);
  let hasBegun = false;
  for await (const message of stream.batches({
    signal: AbortSignal.any([control.signal, silence.signal]),
    onReceived,
  })) {
    if (message === null) {
      continue;
    }
    if (!hasBegun) {
      stream.encoder.beginMicrobatch(repair);
      hasBegun = true;
    }
    const parts = stream.encoder.encode(message.batch, sink);
    for (let part = parts.next(); ; part = parts.next()) {
      for (const chunk of chunks.splice(0)) {
        const refused = await transaction.write(chunk);
        if (refused !== null) {
          refusals.push(refused);
        }
      }
      silence.heard();
      if (part.done) {
        break;
      }
      await turn(); // For heartbeats and the other streams: a batch can be long work.
    }
  }
  const { ledger, report } = stream.encoder;
  return {
    rows: refusals.reduce((left, { removed }) => left - removed.rows, ledger.rows),
    report: joinReports([report, ...refusals.map((each) => each.report)]),
  };
}

/** Ends a repair whose server says nothing for too long: its transaction, open meanwhile, holds vacuum back. */
class Silence implements Disposable {
  readonly #stalled = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(stallMs: number, wait: ServerWait) {
    this.#timer = setTimeout(() => {
      if (wait.since !== null) {
        this.heard(); // The repair waits for PostgreSQL, not for the server.
      } else {
        const message = `no bytes for ${stallMs / 1000} s in the middle of a repair`;
        this.#stalled.abort(new AmpsyncError("SY104", message));
      }
    }, stallMs);
  }

  get signal(): AbortSignal {
    return this.#stalled.signal;
  }

  heard(): void {
    this.#timer.refresh();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
