import { describe, expect, test } from "vitest";

import { type BlockHash, ZERO_HASH } from "../../src/protocol/block-range.ts";
import { decide, resolveOwnHash } from "../../src/protocol/decide.ts";
import type { Message, Step } from "../../src/protocol/step.ts";
import {
  committed,
  type Removal,
  rememberStream,
  type StreamMemory,
  startConnection,
} from "../../src/protocol/stream-memory.ts";
import { pruneHistory, type Watermark } from "../../src/protocol/watermark.ts";

/** A block by height and fork: `a7`. */
type Block = string;

function hashOf(block: Block): BlockHash {
  return `0x${block.padEnd(64, "0")}`;
}

/** Blocks start..end of a fork, on top of the same fork unless told otherwise. */
interface Sent {
  readonly start: number;
  readonly end: number;
  readonly fork?: string;
  readonly on?: string;
}

interface Microbatch {
  readonly removal: Removal | null;
  readonly blocks: readonly Block[];
  readonly watermark: Watermark | null;
}

/** A table of one row a block, moved by the rules alone, as a pass does. */
class Replica {
  #memory: StreamMemory = rememberStream({ network: null, committed: [], origin: null, retention: 128n });
  #rows: Block[] = [];
  #open: Microbatch | null = null;
  #finished: Microbatch[] = [];
  /** Where the last reconnect asked to go on. */
  cursor: bigint | null = null;

  /** What readers see. */
  get rows(): string {
    return this.#rows.join(" ");
  }

  get ends(): readonly number[] {
    return this.#memory.committed.map(({ end }) => Number(end));
  }

  /** Rows of a microbatch that goes on. */
  data(sent: Sent): Step["kind"] {
    return this.#take(sent, false);
  }

  /** The rest of the microbatch, here without rows, or a whole one with its rows. */
  watermark(sent: Sent, { rows = false } = {}): Step["kind"] {
    return this.#take(sent, true, rows);
  }

  /** Everything in memory is gone; what was committed is not. */
  crash(): void {
    const { network, committed, origin, retention } = this.#memory;
    this.#memory = rememberStream({ network, committed, origin, retention });
    [this.#open, this.#finished] = [null, []];
  }

  #take({ start, end, fork = "a", on = fork }: Sent, complete: boolean, rows = !complete): Step["kind"] {
    const range = {
      network: "mainnet",
      start: BigInt(start),
      end: BigInt(end),
      hash: hashOf(`${fork}${end}`),
      prevHash: start === 0 ? ZERO_HASH : hashOf(`${on}${start - 1}`),
      timestamp: null,
    };
    const blocks = rows ? Array.from({ length: end - start + 1 }, (_, at) => `${fork}${start + at}`) : [];
    const message: Message = { metadata: { ranges: [range], complete }, rowCount: blocks.length };

    let step = decide(this.#memory, message);
    while (step.kind === "flush" || step.kind === "ask_own_hash") {
      if (step.kind === "flush") {
        this.#commit();
        step = decide(this.#memory, message);
      } else {
        const own = this.#rows.find((block) => block.slice(1) === `${start - 1}`);
        step = resolveOwnHash(this.#memory, message, own === undefined ? null : hashOf(own));
      }
    }
    if (step.kind === "append") {
      this.#memory = step.next;
      const open = step.opens ? { removal: step.removal, blocks: [], watermark: null } : this.#open!;
      this.#open = { ...open, blocks: [...open.blocks, ...blocks] };
      if (step.watermark !== null) {
        this.#finished.push({ ...this.#open, watermark: step.watermark });
        this.#open = null;
        if (step.mayCommit) this.#commit();
      }
    } else if (step.kind === "reconnect") {
      this.#memory = startConnection(step.next);
      this.cursor = step.cursor?.end ?? null;
      [this.#open, this.#finished] = [null, []];
    }
    return step.kind;
  }

  #commit(): void {
    for (const { removal, blocks } of this.#finished) {
      if (removal !== null) {
        this.#rows = this.#rows.filter(
          (block) => removal.from !== null && BigInt(block.slice(1)) < removal.from,
        );
      }
      this.#rows.push(...blocks);
    }
    this.#memory = committed(this.#memory, this.#finished.at(-1)!.watermark!);
    this.#finished = [];
  }
}

/** Blocks 0..10 and 11..15 of one chain, committed. */
function loaded(): Replica {
  const replica = new Replica();
  replica.watermark({ start: 0, end: 10 }, { rows: true });
  replica.watermark({ start: 11, end: 15 }, { rows: true });
  return replica;
}

const ROWS_TO_10 = "a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 a10";

describe("reorgs: the rows that survive are those of the canonical chain", () => {
  test("reorg_invalidates_affected: 0-10 W, 11-15 unfinished, another 11-12 W: blocks 0-12", () => {
    const replica = new Replica();
    replica.data({ start: 0, end: 10 });
    replica.watermark({ start: 0, end: 10 });
    replica.data({ start: 11, end: 15 });
    replica.data({ start: 11, end: 12, fork: "b", on: "a" });
    replica.watermark({ start: 11, end: 12, fork: "b", on: "a" });
    expect(replica.rows).toBe(`${ROWS_TO_10} b11 b12`);
  });

  test("reorg_invalidates_affected: the same where 11-15 were committed", () => {
    const replica = loaded();
    replica.watermark({ start: 11, end: 12, fork: "b", on: "a" }, { rows: true });
    expect(replica.rows).toBe(`${ROWS_TO_10} b11 b12`);
    expect(replica.ends).toEqual([10, 12]);
  });

  test("reorg_invalidates_multiple_consecutive: every microbatch above the fork goes", () => {
    const replica = loaded();
    replica.watermark({ start: 16, end: 18 }, { rows: true });
    replica.watermark({ start: 19, end: 20 }, { rows: true });
    replica.watermark({ start: 11, end: 21, fork: "b", on: "a" }, { rows: true });
    expect(replica.rows).toBe(`${ROWS_TO_10} b11 b12 b13 b14 b15 b16 b17 b18 b19 b20 b21`);
    expect(replica.ends).toEqual([10, 21]);
  });

  test("reorg_not_unaffected: of a microbatch that the fork divides, the lower part stays", () => {
    const replica = loaded();
    replica.watermark({ start: 14, end: 16, fork: "b", on: "a" }, { rows: true });
    expect(replica.rows).toBe(`${ROWS_TO_10} a11 a12 a13 b14 b15 b16`);
    expect(replica.ends).toEqual([10, 13, 16]);
  });

  test("consecutive_reorgs: the second one replaces the first one's blocks", () => {
    const replica = loaded();
    replica.watermark({ start: 11, end: 13, fork: "b", on: "a" }, { rows: true });
    replica.watermark({ start: 11, end: 12, fork: "c", on: "a" }, { rows: true });
    expect(replica.rows).toBe(`${ROWS_TO_10} c11 c12`);
    replica.watermark({ start: 13, end: 13, fork: "c" }, { rows: true });
    expect(replica.rows).toBe(`${ROWS_TO_10} c11 c12 c13`);
  });

  test("backwards_jump: below several watermarks, into the first one", () => {
    const replica = loaded();
    replica.watermark({ start: 16, end: 20 }, { rows: true });
    replica.watermark({ start: 4, end: 8, fork: "b", on: "a" }, { rows: true });
    expect(replica.rows).toBe("a0 a1 a2 a3 b4 b5 b6 b7 b8");
    expect(replica.ends).toEqual([3, 8]);
  });

  test("validation, backward jump to genesis: with the first block gone nothing is left to go on from", () => {
    const replica = loaded();
    expect(replica.watermark({ start: 0, end: 3, fork: "b" }, { rows: true })).toBe("fail");
    expect(replica.rows).toBe(`${ROWS_TO_10} a11 a12 a13 a14 a15`);
  });
});

describe("rewind: after a crash the tail without a watermark is gone, and the stream goes on", () => {
  test("uncommitted_after_watermark", () => {
    const replica = loaded();
    replica.data({ start: 16, end: 18 });
    replica.crash();
    expect(replica.rows).toBe(`${ROWS_TO_10} a11 a12 a13 a14 a15`);
    expect(replica.ends).toEqual([10, 15]);
  });

  test("multiple uncommitted: however many messages they were", () => {
    const replica = loaded();
    replica.data({ start: 16, end: 18 });
    replica.data({ start: 16, end: 18 });
    replica.data({ start: 16, end: 20 });
    replica.crash();
    expect(replica.rows).toBe(`${ROWS_TO_10} a11 a12 a13 a14 a15`);
  });

  test("none when committed", () => {
    const replica = loaded();
    replica.crash();
    expect(replica.rows).toBe(`${ROWS_TO_10} a11 a12 a13 a14 a15`);
  });

  test("no previous watermark: from the beginning", () => {
    const replica = new Replica();
    replica.data({ start: 0, end: 5 });
    replica.crash();
    expect(replica.rows).toBe("");
    replica.watermark({ start: 0, end: 3 }, { rows: true });
    expect(replica.rows).toBe("a0 a1 a2 a3");
  });

  test("then normal: the same blocks with other borders are taken once", () => {
    const replica = loaded();
    replica.data({ start: 16, end: 18 });
    replica.crash();
    replica.watermark({ start: 16, end: 17 }, { rows: true });
    replica.watermark({ start: 18, end: 18 }, { rows: true });
    expect(replica.rows).toBe(`${ROWS_TO_10} a11 a12 a13 a14 a15 a16 a17 a18`);
  });
});

describe("pruning", () => {
  /** Entries with these ends, back to back from block 1. */
  function endingAt(...ends: number[]): Watermark[] {
    return ends.map((end, at) => ({
      start: BigInt((ends[at - 1] ?? 0) + 1),
      end: BigInt(end),
      hash: hashOf(`a${end}`),
      prevHash: null,
    }));
  }
  const ends = (history: readonly Watermark[]) => history.map(({ end }) => Number(end));
  /** Fifteen single blocks above 25, so that the floor of sixteen entries begins with the one that ends there. */
  const ABOVE = Array.from({ length: 15 }, (_, at) => 26 + at);

  // The newest entry starts at 40 instead of 21, so retention is 10 + 19.
  test("buffer_pruning_triggered_by_retention: of 5, 10, 20 and 25 the first two go", () => {
    expect(ends(pruneHistory(endingAt(5, 10, 20, 25, ...ABOVE), 29n))).toEqual([20, 25, ...ABOVE]);
  });

  test("no_pruning_when_within_retention, to the very block: what ends where retention begins stays", () => {
    const history = endingAt(5, 10, 20, 25, ...ABOVE);
    expect(pruneHistory(history, 35n)).toEqual(history);
    expect(ends(pruneHistory(history, 34n))).toEqual([10, 20, 25, ...ABOVE]);
  });

  test("gradual_pruning: each new entry lets go what it leaves behind", () => {
    let history: readonly Watermark[] = endingAt(5, 10, 20, 25, ...ABOVE);
    const oldest: (number | undefined)[] = [];
    for (const end of [45, 46, 49, 50]) {
      history = pruneHistory([...history, ...endingAt(end - 1, end).slice(1)], 35n);
      oldest.push(ends(history)[0]);
    }
    expect(oldest).toEqual([10, 20, 20, 20]);
  });
});
