import type { BlockRange } from "../../protocol/block-range.ts";
import { type Rows, splitRows } from "../arrow/split-rows.ts";
import type { Misbehaviour } from "../misbehaviour.ts";
import type { Chain, Source } from "../source.ts";
import type { Answer } from "./answer.ts";
import type { Cursor, Position } from "./cursor.ts";
import { nextRange } from "./next-range.ts";
import type { Plan } from "./plan.ts";
import { internal, invalidArgument } from "./refusal.ts";
import { rowsOf } from "./rows-of.ts";

const MAX_BLOCKS_OF_OCTOBER = 100_000;

export interface StreamSettings {
  readonly maxBlocksPerMicrobatch: number;
  /** The present misbehaviour. */
  readonly misbehaviour: () => Readonly<Misbehaviour>;
}

/**
 * Sends microbatch after microbatch until `signal` ends the call. Ends on its own only
 * if the chain has no blocks yet.
 */
export async function streamAnswer(
  answer: Answer,
  plan: Plan,
  cursor: Cursor | null,
  settings: StreamSettings,
  signal: AbortSignal,
): Promise<void> {
  const { source } = plan;
  const { misbehaviour } = settings;
  if (plan.nonIncremental !== null || plan.kind !== "rows") {
    throw invalidArgument(
      "invalid query: non-incremental queries are not supported for streaming, " +
        `query contains non-incremental operation: ${plan.nonIncremental}`,
    );
  }
  if (cursor !== null && misbehaviour().refuseResume) {
    throw internal("streaming query execution error | Caused by: the resume cursor cannot be used");
  }
  let position = startingPosition(source, cursor);
  if (source.chain.head() === null || misbehaviour().noData) {
    await answer.noData();
    return;
  }
  if (!misbehaviour().lateSchema) {
    await answer.schema();
  }

  while (true) {
    const { blocksPerMicrobatch, generation, lostOrphans, interrupts, repeats } = misbehaviour();
    const usual = generation === "2025-10" ? MAX_BLOCKS_OF_OCTOBER : settings.maxBlocksPerMicrobatch;
    const range = nextRange(source.network, source.chain, position, {
      maxBlocks: blocksPerMicrobatch ?? usual,
      storesOrphans: !lostOrphans,
    });
    if (range === null) {
      if (misbehaviour().endAtHead) return;
      await chainChanged(source, signal);
      continue;
    }
    const rows = rowsOf(plan, range);
    if (interrupts) {
      await interrupted(answer, range, rows, source.chain);
    }
    await microbatch(answer, range, rows, misbehaviour());
    if (repeats !== null) {
      await (repeats === "rows"
        ? microbatch(answer, range, rows, misbehaviour())
        : answer.watermark([range]));
    }
    position = { number: range.end, hash: range.hash };
  }
}

async function microbatch(
  answer: Answer,
  range: BlockRange,
  rows: Rows,
  { keepAlives, rowsPerBatch }: Readonly<Misbehaviour>,
): Promise<void> {
  for (let i = 0; i < keepAlives; i++) {
    await answer.noRows([range]);
  }
  for (const batch of splitRows(rows, rowsPerBatch)) {
    await answer.rows(batch, [range]);
  }
  await answer.watermark([range]);
}

/** Sends the beginning of a microbatch that is one block shorter. */
async function interrupted(answer: Answer, range: BlockRange, rows: Rows, chain: Chain): Promise<void> {
  const last = chain.canonical(range.end - 1n);
  if (last === null || last.number < range.start) {
    return; // There is no shorter one.
  }
  for (const batch of splitRows(rows, 1)) {
    await answer.rows(batch, [{ ...range, end: last.number, hash: last.hash, timestamp: last.timestamp }]);
    break;
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
