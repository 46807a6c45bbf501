import { splitRows } from "../arrow/split-rows.ts";
import type { Faults } from "../faults.ts";
import type { Source } from "../source.ts";
import type { Answer } from "./answer.ts";
import type { Cursor, Position } from "./cursor.ts";
import { nextRange } from "./next-range.ts";
import type { Plan } from "./plan.ts";
import { internal, invalidArgument } from "./refusal.ts";

export interface StreamSettings {
  readonly maxBlocksPerMicrobatch: number;
  readonly faults: Faults;
}

/**
 * Sends microbatch after microbatch until `signal` ends the call. Ends by itself
 * only where the chain has no block yet.
 */
export async function streamAnswer(
  answer: Answer,
  plan: Plan,
  cursor: Cursor | null,
  settings: StreamSettings,
  signal: AbortSignal,
): Promise<void> {
  const { source } = plan;
  const { faults } = settings;
  if (plan.nonIncremental !== null || plan.kind !== "rows") {
    throw invalidArgument(
      "invalid query: non-incremental queries are not supported for streaming, " +
        `query contains non-incremental operation: ${plan.nonIncremental}`,
    );
  }
  let position = startingPosition(source, cursor);
  if (source.chain.head() === null) {
    await answer.watermark([]);
    return;
  }
  if (!faults.lateSchema) {
    await answer.schema();
  }

  while (true) {
    const range = nextRange(source.network, source.chain, position, {
      maxBlocks: faults.blocksPerMicrobatch ?? settings.maxBlocksPerMicrobatch,
      storesOrphans: !faults.lostOrphans,
    });
    if (range === null) {
      if (faults.endAtHead) return;
      await chainChanged(source, signal);
      continue;
    }
    const rows = source.rows(plan.table, plan.columns, range.start, range.end);
    for (let i = 0; i < faults.keepAlives; i++) {
      await answer.noRows([range]);
    }
    for (const batch of splitRows(rows)) {
      await answer.rows(batch, [range]);
    }
    await answer.watermark([range]);
    position = { number: range.end, hash: range.hash };
  }
}

function startingPosition(source: Source, cursor: Cursor | null): Position | null {
  if (cursor === null) {
    return null;
  }
  const position = cursor.get(source.network);
  if (position === undefined) {
    const networks = [...cursor.keys()].map((network) => `'${network}'`).join(", ");
    throw internal(
      "streaming query execution error | Caused by: expected cursor for network " +
        `'${source.network}', but cursor only contains networks: [${networks}]`,
    );
  }
  return position;
}

/** Resolves with the next change of the chain; rejects when the call ends first. */
function chainChanged(source: Source, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      forget();
      reject(signal.reason);
    };
    const forget = source.onChange(() => {
      forget();
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
