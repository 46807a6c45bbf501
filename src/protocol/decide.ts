import { AmpsyncError } from "../errors.ts";
import { type BlockHash, type BlockRange, sameRange } from "./block-range.ts";
import type { Message, ReconnectReason, Step } from "./step.ts";
import {
  baseOf,
  keptEntries,
  mayCommit,
  type PendingReorg,
  removalOf,
  type StreamMemory,
  startConnection,
} from "./stream-memory.ts";
import { isRepeated, type Watermark, watermarkOf } from "./watermark.ts";

const MAX_STRIKES = 3;
/** Each is remembered, and looked for in every message. */
const MAX_DROPPED = 1000;

const FIRST_BLOCK = "The table begins there, so nothing below proves that this is the same chain.";

/**
 * Decide what a message means: pure and total. Rows and watermarks are applied
 * in the order of the steps.
 *
 * Rows are only ever removed above a block whose hash the server confirmed, or
 * which we hold under the very hash that the server sent as its parent.
 */
export function decide(memory: StreamMemory, message: Message): Step {
  if (message.metadata === null) {
    return protocolError(memory, "A record batch carries no block range: the server is not streaming.");
  }
  const { ranges, complete } = message.metadata;
  const [range] = ranges;
  if (range === undefined) {
    if (message.rowCount > 0) {
      return protocolError(memory, `${message.rowCount} rows came without a block range.`);
    }
    return complete ? { kind: "no_data" } : { kind: "ignore", next: memory };
  }
  if (ranges.length > 1) {
    const networks = ranges.map((each) => each.network).join(", ");
    return protocolError(memory, `A stream has one range of one network; this message has: ${networks}.`);
  }
  if (memory.network !== null && range.network !== memory.network) {
    return protocolError(
      memory,
      `A message of network ${range.network} came in a stream of ${memory.network}.`,
    );
  }

  if (memory.open !== null && sameRange(memory.open, range)) {
    return append(memory, range, complete);
  }
  if (memory.dropped.some((dropped) => sameRange(dropped, range))) {
    return protocolError(memory, `${blocks(range)} go on after another microbatch interrupted them.`);
  }
  return judge(memory, range, message);
}

/** `decide`, continued with our own hash of the block asked for; null where we hold none. */
export function resolveOwnHash(memory: StreamMemory, message: Message, hash: BlockHash | null): Step {
  const range = message.metadata?.ranges[0];
  if (message.metadata === null || range === undefined) {
    return decide(memory, message);
  }
  if (isSentAgain(memory, range, message.metadata.complete)) {
    const isReplaced = hash !== null && hash !== range.hash;
    return isReplaced
      ? withReorg(memory, memory.pendingReorg.keep, range.end, (next) => accept(next, range, true))
      : accept(memory, range, true);
  }
  const entry = keptEntries(memory).find((each) => each.start < range.start && range.start <= each.end);
  if (entry === undefined) {
    return decide(memory, message);
  }
  if (hash !== null && hash === range.prevHash) {
    const keep = { start: entry.start, end: range.start - 1n, hash, prevHash: entry.prevHash };
    return applyAtOnce(memory, keep, range, message.metadata.complete);
  }
  // Another hash of our own proves that block an orphan as well; none proves nothing.
  return stepBack(memory, entryBelow(memory, range.start), hash === null ? range.start : range.start - 1n);
}

/**
 * The server's chain ends below the checkpoint, with another block than ours at this height: a reorg about which
 * a stream may be silent until that chain is as high as the old one. What is finished was committed before.
 */
export function decideReplaced(memory: StreamMemory, block: bigint): Step {
  const fresh = startConnection(memory);
  if (fresh.origin === null || (fresh.pendingReorg !== null && fresh.pendingReorg.lowestReplaced <= block)) {
    return { kind: "ignore", next: memory };
  }
  return block <= fresh.origin
    ? deepReorg(fresh, block, FIRST_BLOCK)
    : stepBack(fresh, entryBelow(fresh, block), block);
}

/**
 * A message that breaks the protocol, or whose metadata could not be read: connect again, and the third time in a
 * row leave it to the queue, which retries it after longer and longer pauses.
 */
export function protocolError(memory: StreamMemory, detail: string): Step {
  if (memory.finished.length > 0 && mayCommit(memory)) {
    return { kind: "flush" };
  }
  const strikes = memory.strikes + 1;
  if (strikes < MAX_STRIKES) {
    return reconnect({ ...memory, strikes }, "protocol_error", detail);
  }
  const error = new AmpsyncError("SY101", `The server broke the protocol ${strikes} times in a row`, {
    detail,
    hint: "Nothing wrong was stored, and the stream is retried automatically. If the error lasts, report it to the operator of the Amp server.",
  });
  return { kind: "end", error };
}

/** A range that does not go on with the open microbatch. */
function judge(memory: StreamMemory, range: BlockRange, message: Message): Step {
  const base = baseOf(memory);
  const complete = message.metadata?.complete === true;
  const follows = base === null ? startsStream(memory, range) : range.start === base.end + 1n;

  if (follows && (base === null || range.prevHash === null || range.prevHash === base.hash)) {
    return append(memory, range, complete);
  }
  const startsOver = memory.cursorUnproven && memory.origin !== null && range.start <= memory.origin;
  if (base !== null && !startsOver && isRepeated(base, range) && message.rowCount === 0) {
    return { kind: "ignore", next: memory };
  }

  // Everything else gives up what is not committed, so commit first what can be.
  if (memory.finished.length > 0 && mayCommit(memory)) {
    return { kind: "flush" };
  }
  if (base === null || range.start > base.end + 1n) {
    const next = base === null ? memory.origin : base.end + 1n;
    return gap(memory, `${blocks(range)} came where block ${next} is next.`);
  }
  if (startsOver && !memory.cursorIgnored) {
    const detail = `${blocks(range)} came although block ${base.end} was sent as the cursor.`;
    return reconnect({ ...memory, cursorIgnored: true }, "cursor_ignored", detail);
  }
  if (startsOver) {
    const message = `The server starts from block ${range.start} again whatever cursor is sent, which needs a decision`;
    return needsDecision(memory, message, `The cursor was block ${base.end}.`);
  }
  if (isRepeated(base, range)) {
    return protocolError(memory, `${blocks(range)} were finished before and came again with rows.`);
  }
  if (range.prevHash === base.hash) {
    return protocolError(memory, `${blocks(range)} claim to follow block ${base.end}.`);
  }
  if (memory.finished.length > 0 && memory.pendingReorg !== null) {
    // The replacement of an earlier reorg is itself replaced before it was complete: begin it again. Bounded,
    // because what is finished ends below the lowest replaced block, so that this block goes down.
    const detail = `${blocks(range)} replace an unfinished replacement.`;
    return withReorg(memory, memory.pendingReorg.keep, range.start, (next) =>
      reconnect(next, "reorg_during_reorg", detail),
    );
  }
  if (follows) {
    return stepBack(memory, entryBelow(memory, base.end), base.end); // The base is an orphan that the server cannot see.
  }
  return rewind(memory, range, complete);
}

/** The server goes back: blocks from `range.start` on were replaced. Nothing finished waits for its commit. */
function rewind(memory: StreamMemory, range: BlockRange, complete: boolean): Step {
  if (memory.origin === null || range.start <= memory.origin) {
    return deepReorg(memory, range.start, FIRST_BLOCK);
  }
  const below = entryBelow(memory, range.start);
  if (below !== null && below.end === range.start - 1n) {
    if (range.prevHash === null) {
      return stepBack(memory, below, range.start);
    }
    return range.prevHash === below.hash
      ? applyAtOnce(memory, below, range, complete)
      : stepBack(memory, entryBelow(memory, below.end), below.end);
  }
  const inside = keptEntries(memory).some((entry) => entry.start < range.start && range.start <= entry.end);
  return inside && range.prevHash !== null
    ? { kind: "ask_own_hash", block: range.start - 1n }
    : stepBack(memory, below, range.start);
}

function append(memory: StreamMemory, range: BlockRange, complete: boolean): Step {
  return isSentAgain(memory, range, complete)
    ? { kind: "ask_own_hash", block: range.end }
    : accept(memory, range, complete);
}

/**
 * Whether this finishes blocks that lie below the lowest one known to be replaced, and come again only
 * because the stream stepped back. If our own hash of its end is another one, more was replaced than we knew.
 */
function isSentAgain(
  memory: StreamMemory,
  range: BlockRange,
  complete: boolean,
): memory is StreamMemory & { readonly pendingReorg: PendingReorg } {
  const base = baseOf(memory);
  const goesOn =
    (memory.open !== null && sameRange(memory.open, range)) || base === null || range.start === base.end + 1n;
  return complete && goesOn && memory.pendingReorg !== null && range.end < memory.pendingReorg.lowestReplaced;
}

function accept(memory: StreamMemory, range: BlockRange, complete: boolean): Step {
  const opens = memory.open === null || !sameRange(memory.open, range);
  const given = opens ? memory.open : null;
  if (given !== null && memory.dropped.length >= MAX_DROPPED) {
    return protocolError(memory, `${MAX_DROPPED} microbatches were interrupted on one connection.`);
  }
  const watermark = complete ? watermarkOf(range) : null;
  const next: StreamMemory = {
    ...memory,
    network: range.network,
    open: complete ? null : range,
    dropped: given === null ? memory.dropped : [...memory.dropped, given],
    finished: watermark === null ? memory.finished : [...memory.finished, watermark],
    cursorUnproven: false,
  };
  return {
    kind: "append",
    next,
    opens,
    dropsOpen: given !== null,
    removal: opens ? removalOf(memory) : null,
    watermark,
    mayCommit: watermark !== null && mayCommit(next),
  };
}

/** Our record of the block below is proven: replace what is above it, beginning with this very message. */
function applyAtOnce(memory: StreamMemory, keep: Watermark, range: BlockRange, complete: boolean): Step {
  return withReorg(memory, keep, range.start, (next) => accept(next, range, complete));
}

/**
 * Goes on with a pending reorg that replaces everything above `keep`; `replaced` is a block that the server
 * reported as replaced. The depth of a reorg is counted from the lowest such block, not from `keep`: what lies
 * between them is sent again as it was. More than retention may only be replaced by the policy for deep reorgs,
 * even where the history reaches further.
 */
function withReorg(
  memory: StreamMemory,
  keep: Watermark | null,
  replaced: bigint,
  goOn: (next: StreamMemory) => Step,
): Step {
  const known = memory.pendingReorg?.lowestReplaced ?? replaced;
  const lowestReplaced = replaced < known ? replaced : known;
  return depthOf(memory, lowestReplaced) > memory.retention
    ? deepReorg(memory, lowestReplaced, `The dataset's retention_blocks is ${memory.retention}.`)
    : goOn({ ...memory, pendingReorg: { keep, lowestReplaced } });
}

/** How many committed blocks a reorg replaces that begins with this one. */
function depthOf(memory: StreamMemory, lowestReplaced: bigint): bigint {
  const newest = memory.committed.at(-1);
  return newest === undefined ? 0n : newest.end - lowestReplaced + 1n;
}

/**
 * Reconnect from an older entry (null: from the beginning), which the server then
 * verifies. Each time in a row it goes 1, 2, 4 … entries further, so that a fork far
 * below is found in few connections; what is sent again for that is still the same.
 * `replaced` is the lowest block this message proves to be replaced.
 */
function stepBack(memory: StreamMemory, keep: Watermark | null, replaced: bigint): Step {
  return withReorg(memory, keep, replaced, (next) => {
    const { lowestReplaced } = next.pendingReorg ?? { lowestReplaced: replaced };
    const pruned = memory.committed[0]?.start !== memory.origin;
    if (keep === null && pruned) {
      const oldest = memory.committed[0]?.start ?? memory.origin;
      return deepReorg(memory, lowestReplaced, `The history begins at block ${oldest}, above the fork.`);
    }
    return reconnectFrom(memory, keep && olderBy(memory, keep, 2 ** memory.stepsBack - 1), lowestReplaced);
  });
}

function reconnectFrom(memory: StreamMemory, keep: Watermark | null, lowestReplaced: bigint): Step {
  const detail = `Resuming from ${keep === null ? "the beginning" : `block ${keep.end}`}, which the server verifies.`;
  const next = {
    ...memory,
    pendingReorg: { keep, lowestReplaced },
    strikes: 0,
    stepsBack: memory.stepsBack + 1,
  };
  return reconnect(next, "step_back", detail);
}

/**
 * A gap: connect again from the same base; the third time in a row from the entry before it. Nothing was
 * reported as replaced, so all that is committed must be there again before anything is removed.
 */
function gap(memory: StreamMemory, detail: string): Step {
  const fresh = { ...startConnection(memory), strikes: memory.strikes + 1 };
  if (fresh.strikes < MAX_STRIKES) {
    return reconnect(fresh, "gap", detail);
  }
  const base = baseOf(fresh);
  const below = base && entryBelow(fresh, base.end);
  if (below !== null) {
    const above = (memory.committed.at(-1)?.end ?? below.end) + 1n;
    return reconnectFrom(fresh, below, memory.pendingReorg?.lowestReplaced ?? above);
  }
  const error = new AmpsyncError("SY101", "The server leaves out blocks, wherever the stream resumes", {
    detail,
    hint: "Retried automatically: select * from ampsync.streams;",
  });
  return { kind: "end", error };
}

function reconnect(memory: StreamMemory, reason: ReconnectReason, detail: string): Step {
  const next = startConnection(memory);
  return { kind: "reconnect", next, cursor: baseOf(next), reason, detail };
}

/** A reorg that only the policy for deep reorgs may answer, and why. */
function deepReorg(memory: StreamMemory, from: bigint, why: string): Step {
  const depth = depthOf(memory, from);
  return needsDecision(
    memory,
    `The server replaced ${depth} block${depth === 1n ? "" : "s"}, from block ${from} on, which needs a decision`,
    why,
  );
}

function needsDecision(memory: StreamMemory, message: string, why: string): Step {
  const error = new AmpsyncError("SY102", message, {
    detail: `${why} The table stands at block ${memory.committed.at(-1)?.end ?? "none"}; no row was touched.`,
    hint: "Resync the table: select ampsync.resync('<dataset>', '<table>');",
  });
  return { kind: "fail", error };
}

/** The newest entry that ends before a block. */
function entryBelow(memory: StreamMemory, block: bigint): Watermark | null {
  return keptEntries(memory).findLast((entry) => entry.end < block) ?? null;
}

/** The entry this many places before the given one, or the oldest there is. */
function olderBy(memory: StreamMemory, entry: Watermark, places: number): Watermark {
  const entries = keptEntries(memory);
  return entries[Math.max(0, entries.indexOf(entry) - places)] ?? entry;
}

/** Nothing is held yet, or all is being replaced, which must not begin later than before. */
function startsStream(memory: StreamMemory, range: BlockRange): boolean {
  return memory.origin === null || range.start <= memory.origin;
}

function blocks(range: BlockRange): string {
  return `Blocks ${range.start} to ${range.end}`;
}
