import { describe, expect, test } from "vitest";

import { type BlockHash, type BlockRange, ZERO_HASH } from "../../src/protocol/block-range.ts";
import { decide, decideReplaced, protocolError, resolveOwnHash } from "../../src/protocol/decide.ts";
import type { Message, Step } from "../../src/protocol/step.ts";
import {
  baseOf,
  committed,
  isMidCommit,
  rememberStream,
  type StreamMemory,
} from "../../src/protocol/stream-memory.ts";
import { pruneHistory, type Watermark } from "../../src/protocol/watermark.ts";

/** Hash of a block on a fork, readable in failures: `h(99)`, `h(99, "b")`. */
function h(block: number, fork = "a"): BlockHash {
  return `0x${`${fork}${block.toString().padStart(6, "0")}`.padEnd(64, "0")}`;
}

interface RangeOptions {
  readonly fork?: string;
  readonly prev?: BlockHash | null;
  readonly network?: string;
}

/** Blocks start..end, by default of fork `a` and on top of it. */
function range(start: number, end: number, options: RangeOptions = {}): BlockRange {
  const { fork = "a", network = "mainnet", prev = start === 0 ? ZERO_HASH : h(start - 1) } = options;
  return {
    network,
    start: BigInt(start),
    end: BigInt(end),
    hash: h(end, fork),
    prevHash: prev,
    timestamp: null,
  };
}

function entry(start: number, end: number): Watermark {
  const { network: _, timestamp: __, ...watermark } = range(start, end);
  return watermark;
}

function data(r: BlockRange, rowCount = 1): Message {
  return { metadata: { ranges: [r], complete: false }, rowCount };
}

function done(r: BlockRange): Message {
  return { metadata: { ranges: [r], complete: true }, rowCount: 0 };
}

/** A stream of blocks 90..119, whose first microbatches are pruned unless origin says otherwise; connected with its cursor. */
function stream(overrides: Partial<StreamMemory> = {}): StreamMemory {
  const history = [entry(90, 99), entry(100, 109), entry(110, 119)];
  const stored = { network: "mainnet", committed: history, origin: 0n, retention: 128n };
  return { ...rememberStream(stored), ...overrides };
}

/** The same, with the connection already in use. */
function live(overrides: Partial<StreamMemory> = {}): StreamMemory {
  return stream({ cursorUnproven: false, ...overrides });
}

function expectStep<K extends Step["kind"]>(step: Step, kind: K): Extract<Step, { kind: K }> {
  expect(
    step.kind,
    JSON.stringify(step, (_, value) => (typeof value === "bigint" ? `${value}` : value)),
  ).toBe(kind);
  // The assertion above has proven the kind.
  return step as Extract<Step, { kind: K }>;
}

function appended(memory: StreamMemory, ...messages: Message[]): StreamMemory {
  return messages.reduce((state, message) => expectStep(taken(state, message), "append").next, memory);
}

/** What a message means to somebody whose rows tell no hash. */
function taken(memory: StreamMemory, message: Message): Step {
  const step = decide(memory, message);
  return step.kind === "ask_own_hash" ? resolveOwnHash(memory, message, null) : step;
}

describe("going forward", () => {
  test("validation, unique network: the first microbatch of a stream is accepted wherever it starts", () => {
    const empty = rememberStream({ network: null, committed: [], origin: null, retention: 128n });
    expect(baseOf(empty)).toBeNull();
    const step = expectStep(decide(empty, done(range(500, 509))), "append");
    expect(step).toMatchObject({
      opens: true,
      removal: null,
      mayCommit: true,
      watermark: { start: 500n, end: 509n },
    });
    const next = committed(step.next, baseOf(step.next)!);
    expect(next).toMatchObject({
      network: "mainnet",
      origin: 500n,
      finished: [],
      committed: [{ end: 509n }],
    });
  });

  test("validation, consecutive blocks: the next range with the right parent opens a microbatch", () => {
    const step = expectStep(decide(live(), data(range(120, 129))), "append");
    expect(step).toMatchObject({
      opens: true,
      dropsOpen: false,
      removal: null,
      watermark: null,
      mayCommit: false,
    });
  });

  test("validation, null prev_hash: a parent hash that the server does not name is not checked", () => {
    expectStep(decide(live(), data(range(120, 129, { prev: null }))), "append");
  });

  test("more of the open microbatch goes on, whatever its timestamp says", () => {
    const memory = appended(live(), data(range(120, 129)));
    const step = expectStep(decide(memory, data({ ...range(120, 129), timestamp: 1655778500 })), "append");
    expect(step).toMatchObject({ opens: false, dropsOpen: false, removal: null, watermark: null });
  });

  test("data_watermark_advances_state, multiple_data_before_watermark: only ranges_complete finishes a microbatch", () => {
    const memory = appended(live(), data(range(120, 129), 0), data(range(120, 129), 0));
    expect(memory.finished).toEqual([]);
    const step = expectStep(decide(memory, done(range(120, 129))), "append");
    expect(step).toMatchObject({ opens: false, watermark: { end: 129n }, mayCommit: true });
  });

  test("a microbatch without rows is only its watermark and moves the stream", () => {
    const memory = appended(live(), done(range(120, 120)), done(range(121, 121)));
    expect(baseOf(memory)?.end).toBe(121n);
    expect(memory.committed.at(-1)?.end).toBe(119n);
  });

  test("consecutive_watermarks: several finished microbatches are committed together, or one by one while the next is read", () => {
    const memory = appended(live(), done(range(120, 120)), done(range(121, 121)), data(range(122, 122)));
    const half = committed(memory, memory.finished[0]!);
    expect(half).toMatchObject({ finished: [{ end: 121n }], open: { end: 122n } });
    expect(half.committed.at(-1)?.end).toBe(120n);
    expect(committed(memory, memory.finished[1]!).finished).toEqual([]);
  });

  test("a watermark that was not finished here cannot be committed", () => {
    expect(() => committed(live(), entry(120, 120))).toThrow("not finished");
  });

  test("a finished range said once more without rows is ignored, even in the middle of the next", () => {
    const memory = appended(live(), data(range(120, 129)), done(range(120, 129)), data(range(130, 139)));
    const step = expectStep(decide(memory, done(range(120, 129))), "ignore");
    expect(step.next).toBe(memory);
  });

  test("a range that differs from an unfinished microbatch takes its place", () => {
    const memory = appended(live(), data(range(120, 129)));
    const step = expectStep(decide(memory, done(range(120, 124))), "append");
    expect(step).toMatchObject({ opens: true, dropsOpen: true, removal: null, watermark: { end: 124n } });
  });

  test("interrupted microbatches are remembered up to a thousand on one connection", () => {
    let memory = live();
    for (let i = 0; i <= 1000; i++) {
      memory = appended(memory, data(range(120, 121 + i)));
    }
    expectStep(decide(memory, data(range(120, 5000))), "reconnect");
    const half = appended(memory, done(range(120, 1121)), data(range(1122, 1122)));
    expectStep(decide(half, data(range(1122, 1123))), "flush");
  });

  test("a microbatch that was given up half-way cannot go on with the rest of its rows", () => {
    const memory = appended(live(), data(range(120, 129)), data(range(120, 124)));
    expectStep(decide(memory, data(range(120, 129))), "reconnect");
  });
});

describe("what is no range of this stream", () => {
  test("batch_with_empty_ranges: no ranges and complete, the table holds no data yet", () => {
    expectStep(decide(live(), { metadata: { ranges: [], complete: true }, rowCount: 0 }), "no_data");
  });

  test("no ranges, not complete and no rows: a keep-alive", () => {
    expectStep(decide(live(), { metadata: { ranges: [], complete: false }, rowCount: 0 }), "ignore");
  });

  const faults: Record<string, Message> = {
    "rows without a range": { metadata: { ranges: [], complete: true }, rowCount: 3 },
    "no metadata": { metadata: null, rowCount: 0 },
    "validation, added network: two networks": {
      metadata: { ranges: [range(120, 121), range(120, 121, { network: "base" })], complete: false },
      rowCount: 1,
    },
    "validation, duplicate network: one network twice": {
      metadata: { ranges: [range(120, 121), range(120, 121)], complete: false },
      rowCount: 1,
    },
    "validation, missing network: another one than before": data(range(120, 121, { network: "base" })),
    "validation, backward jump with the same hash: a start at or below the end with the end as its parent":
      data(range(118, 125, { prev: h(119) })),
    "a finished range again with rows": data(range(110, 119)),
  };
  for (const [name, message] of Object.entries(faults)) {
    test(`${name}: reconnect from the same place, the third time in a row the queue retries it`, () => {
      const first = expectStep(decide(live(), message), "reconnect");
      expect(first).toMatchObject({ reason: "protocol_error", cursor: { end: 119n } });
      const second = expectStep(decide(first.next, message), "reconnect");
      const third = expectStep(decide(second.next, message), "end");
      expect(third.error.code).toBe("SY101");
    });
  }

  test("metadata that could not be read counts in the same way", () => {
    expectStep(protocolError(live({ strikes: 1 }), "no JSON"), "reconnect");
    expectStep(protocolError(live({ strikes: 2 }), "no JSON"), "end");
  });

  test("a commit makes the count of protocol errors start from zero", () => {
    const memory = appended(stream({ strikes: 2 }), done(range(120, 120)));
    const after = committed(memory, memory.finished[0]!);
    expectStep(decide(after, { metadata: null, rowCount: 1 }), "reconnect");
  });

  test("what is finished is committed before a broken message takes the connection away", () => {
    const memory = appended(live(), done(range(120, 120)));
    expectStep(decide(memory, { metadata: null, rowCount: 1 }), "flush");
  });

  test("an unfinished microbatch is forgotten with its connection", () => {
    const memory = appended(live(), data(range(120, 129)));
    const step = expectStep(decide(memory, { metadata: null, rowCount: 1 }), "reconnect");
    expect(step.next).toMatchObject({ open: null, finished: [], cursorUnproven: true });
  });

  test("a microbatch that was interrupted may come from its beginning on another connection", () => {
    const memory = appended(live(), data(range(120, 124)), data(range(120, 121)));
    const step = expectStep(protocolError(memory, "it breaks"), "reconnect");
    expect(expectStep(decide(step.next, data(range(120, 124))), "append").opens).toBe(true);
  });
});

describe("gaps", () => {
  test("validation, gap: it reconnects from the same place; the third in a row steps back one entry; a commit settles it", () => {
    const first = expectStep(decide(live(), data(range(121, 130))), "reconnect");
    expect(first).toMatchObject({ reason: "gap", cursor: { end: 119n } });
    const second = expectStep(decide(first.next, data(range(121, 130))), "reconnect");
    expect(second).toMatchObject({ reason: "gap", cursor: { end: 119n } });
    const third = expectStep(decide(second.next, data(range(121, 130))), "reconnect");
    expect(third).toMatchObject({ reason: "step_back", cursor: { end: 109n }, next: { strikes: 0 } });

    // Nothing was reported replaced, so the old tip must be reached again before anything is committed.
    const short = expectStep(taken(third.next, done(range(110, 118))), "append");
    expect(short).toMatchObject({
      removal: { from: 110n, parentHash: h(109) },
      mayCommit: false,
    });
    expect(expectStep(taken(short.next, done(range(119, 119))), "append").mayCommit).toBe(true);
  });

  test("a far jump is a gap like a small one", () => {
    expect(expectStep(decide(live(), data(range(5000, 5001))), "reconnect").reason).toBe("gap");
  });

  test("a gap is one, too, where the server names no parent hash", () => {
    const message = data(range(121, 130, { prev: null }));
    expect(expectStep(decide(live(), message), "reconnect").reason).toBe("gap");
  });

  test("the third in an unfinished replacement steps back below it: what was finished of it is gone", () => {
    const pendingReorg = { keep: entry(100, 109), lowestReplaced: 118n };
    const memory = appended(live({ pendingReorg, strikes: 2 }), done(range(110, 112)));
    const step = expectStep(decide(memory, data(range(115, 117))), "reconnect");
    expect(step).toMatchObject({
      cursor: { end: 99n },
      next: { finished: [], pendingReorg: { lowestReplaced: 118n } },
    });
  });

  test("gaps that no older entry ends go back to the queue as what they are: no reorg, nothing to decide", () => {
    for (const memory of [live(), live({ committed: [entry(0, 119)], origin: 0n })]) {
      let step: Step = { kind: "ignore", next: memory };
      for (let i = 0; i <= 3 * memory.committed.length && step.kind !== "end"; i++) {
        const { next } = step as Extract<Step, { next: StreamMemory }>;
        step = decide(next, data(range(500, 501)));
      }
      const { error } = expectStep(step, "end");
      expect(error).toMatchObject({
        code: "SY101",
        detail: expect.stringMatching(/^Blocks 500 to 501 came where/),
      });
    }
  });
});

describe("the cursor", () => {
  test("a stream from its first block although a cursor was sent: once more with the cursor, then deep", () => {
    const first = expectStep(decide(stream(), data(range(0, 9))), "reconnect");
    expect(first).toMatchObject({ reason: "cursor_ignored", cursor: { end: 119n } });
    const second = expectStep(decide(first.next, data(range(0, 9))), "fail");
    expect(second.error.code).toBe("SY102");
  });

  test("is proven by the first range that goes on from it: what replaces the first block later is a reorg", () => {
    const memory = appended(stream(), data(range(120, 124)));
    const { error } = expectStep(decide(memory, data(range(0, 9, { fork: "b" }))), "fail");
    expect(error.message).toBe("The server replaced 120 blocks, from block 0 on, which needs a decision");
  });

  test("this holds as well where the whole stream is the one microbatch that comes again", () => {
    const memory = stream({ committed: [entry(0, 119)], origin: 0n });
    expect(expectStep(decide(memory, data(range(0, 119))), "reconnect").reason).toBe("cursor_ignored");
  });

  test("a commit in between makes it harmless again", () => {
    const memory = appended(stream({ cursorIgnored: true }), done(range(120, 120)));
    expect(committed(memory, memory.finished[0]!).cursorIgnored).toBe(false);
  });

  test("validation, hash mismatch: a server without the true parent of the next range tells that the cursor is an orphan", () => {
    const step = expectStep(decide(stream(), data(range(120, 121, { prev: h(119, "b") }))), "reconnect");
    expect(step).toMatchObject({
      reason: "step_back",
      cursor: { end: 109n },
      next: { pendingReorg: { lowestReplaced: 119n } },
    });
  });
});

describe("reorgs", () => {
  test("validation, backward jump with another hash: aligned, the rows above the entry go with the replacement, by this very message", () => {
    const step = expectStep(decide(live(), done(range(110, 112, { fork: "b" }))), "append");
    expect(step).toMatchObject({
      opens: true,
      removal: { from: 110n, parentHash: h(109) },
      watermark: { end: 112n },
      mayCommit: true, // the new tip may be lower than the old one
    });
    const after = committed(step.next, step.watermark!);
    expect(after.committed.map((each) => each.end)).toEqual([99n, 109n, 112n]);
    expect(after.pendingReorg).toBeNull();
  });

  test("validation, backward jump past the previous end: aligned at an older entry, the entries between go too", () => {
    const step = expectStep(decide(live(), done(range(100, 125, { fork: "b" }))), "append");
    expect(step.removal).toEqual({ from: 100n, parentHash: h(99) });
    expect(committed(step.next, step.watermark!).committed.map((each) => each.end)).toEqual([99n, 125n]);
  });

  test("validation, backward jump with null prev_hash: step back, so that the server verifies the entry", () => {
    const step = expectStep(decide(live(), data(range(110, 112, { fork: "b", prev: null }))), "reconnect");
    expect(step).toMatchObject({ reason: "step_back", cursor: { end: 109n } });
    const again = expectStep(decide(step.next, done(range(110, 112, { fork: "b", prev: null }))), "append");
    expect(again).toMatchObject({ removal: { from: 110n, parentHash: h(109) }, mayCommit: true });
  });

  test("aligned with another parent: that entry is an orphan too, step back before it", () => {
    const step = expectStep(
      decide(live(), data(range(110, 112, { fork: "b", prev: h(109, "b") }))),
      "reconnect",
    );
    expect(step).toMatchObject({
      reason: "step_back",
      cursor: { end: 99n },
      next: { pendingReorg: { lowestReplaced: 109n } },
    });
  });

  test("validation, overlap: inside a stored microbatch, our own hash agrees, exactly the replaced rows go, the entry is shortened", () => {
    const message = done(range(114, 116, { fork: "b" }));
    expect(expectStep(decide(live(), message), "ask_own_hash").block).toBe(113n);
    const step = expectStep(resolveOwnHash(live(), message, h(113)), "append");
    expect(step).toMatchObject({
      removal: { from: 114n, parentHash: h(113) },
      mayCommit: true,
    });
    expect(committed(step.next, step.watermark!).committed.slice(-2)).toMatchObject([
      { start: 110n, end: 113n, hash: h(113), prevHash: h(109) },
      { start: 114n, end: 116n },
    ]);
  });

  for (const [name, hash, lowestReplaced] of [
    ["is not known", null, 114n],
    ["differs", h(113, "c"), 113n],
  ] as const) {
    test(`inside a stored microbatch, our own hash ${name}: step back to the entry below`, () => {
      const step = expectStep(
        resolveOwnHash(live(), data(range(114, 116, { fork: "b" })), hash),
        "reconnect",
      );
      expect(step).toMatchObject({
        reason: "step_back",
        cursor: { end: 109n },
        next: { pendingReorg: { lowestReplaced } },
      });
    });
  }

  test("inside a stored microbatch without a parent hash: step back without asking", () => {
    const step = expectStep(decide(live(), data(range(114, 116, { fork: "b", prev: null }))), "reconnect");
    expect(step).toMatchObject({ reason: "step_back", cursor: { end: 109n } });
  });

  test("after a step back nothing is committed before the replacement reaches the replaced block", () => {
    const back = expectStep(resolveOwnHash(live(), data(range(114, 116, { fork: "b" })), null), "reconnect");
    const first = expectStep(decide(back.next, data(range(110, 112))), "append");
    expect(first.removal).toEqual({ from: 110n, parentHash: h(109) });
    const second = expectStep(taken(first.next, done(range(110, 112))), "append");
    expect(second).toMatchObject({ removal: null, mayCommit: false });
    const third = expectStep(taken(second.next, done(range(113, 113))), "append");
    expect(third).toMatchObject({ opens: true, removal: null, mayCommit: true });
    // What was received until then would have to be sent again, if the pass ended.
    expect([back, first, second, third].map(({ next }) => isMidCommit(next))).toEqual([
      false,
      true,
      true,
      false,
    ]);
    expect(committed(third.next, third.watermark!).committed.map((each) => each.end)).toEqual([
      99n,
      109n,
      112n,
      113n,
    ]);
  });

  test("a dropped connection keeps the pending reorg and begins the replacement again", () => {
    const back = expectStep(resolveOwnHash(live(), data(range(114, 116, { fork: "b" })), null), "reconnect");
    const half = appended(back.next, done(range(110, 112)), data(range(113, 113)));
    const broken = expectStep(decide(half, { metadata: null, rowCount: 1 }), "reconnect");
    expect(broken).toMatchObject({
      cursor: { end: 109n },
      next: { finished: [], pendingReorg: { lowestReplaced: 114n } },
    });
    expect(expectStep(decide(broken.next, data(range(110, 113))), "append").removal?.from).toBe(110n);
  });

  test("a microbatch given up right after a reorg began leaves the removal to the one that takes its place", () => {
    const first = expectStep(decide(live(), data(range(110, 112, { fork: "b" }))), "append");
    const second = expectStep(decide(first.next, data(range(110, 114, { fork: "c" }))), "append");
    expect(second).toMatchObject({ dropsOpen: true, removal: { from: 110n } });
  });

  test("a second reorg while the first one's replacement is incomplete begins the replacement again", () => {
    const back = expectStep(resolveOwnHash(live(), data(range(118, 119, { fork: "b" })), null), "reconnect");
    const half = appended(back.next, done(range(110, 114)));
    const again = expectStep(decide(half, data(range(112, 115, { fork: "c", prev: h(111) }))), "reconnect");
    expect(again).toMatchObject({ reason: "reorg_during_reorg", cursor: { end: 109n } });
    expect(again.next.pendingReorg?.lowestReplaced).toBe(112n);
  });

  test("nonsense while a replacement is incomplete does not make it commit earlier", () => {
    const back = expectStep(resolveOwnHash(live(), data(range(118, 119, { fork: "b" })), null), "reconnect");
    const half = appended(back.next, done(range(110, 114)));
    for (const message of [data(range(110, 114)), data(range(112, 116, { prev: h(114) }))]) {
      const step = expectStep(decide(half, message), "reconnect");
      expect(step).toMatchObject({
        reason: "protocol_error",
        next: { pendingReorg: { lowestReplaced: 118n } },
      });
    }
  });

  test("each reorg of an incomplete replacement lowers the block that it must reach", () => {
    let memory = expectStep(
      resolveOwnHash(live(), data(range(118, 119, { fork: "b" })), null),
      "reconnect",
    ).next;
    for (const [finished, replaced] of [
      [114, 114],
      [112, 112],
      [110, 110],
    ] as const) {
      const half = appended(memory, done(range(110, finished)));
      const step = expectStep(decide(half, data(range(replaced, 120, { fork: "x" }))), "reconnect");
      expect(step).toMatchObject({
        cursor: { end: 109n },
        next: { pendingReorg: { lowestReplaced: BigInt(replaced) } },
      });
      memory = step.next;
    }
  });

  test("the server goes back again after a step back: the next older entry is tried", () => {
    const first = expectStep(decide(live(), data(range(119, 119, { fork: "b", prev: null }))), "reconnect");
    expect(first.cursor?.end).toBe(109n);
    const second = expectStep(
      decide(first.next, data(range(109, 119, { fork: "b", prev: null }))),
      "reconnect",
    );
    expect(second).toMatchObject({ cursor: { end: 99n }, next: { pendingReorg: { lowestReplaced: 109n } } });
  });

  test("the server goes back into an older entry after a step back: that one is shortened, if our own hash agrees", () => {
    const back = expectStep(resolveOwnHash(live(), data(range(118, 119, { fork: "b" })), null), "reconnect");
    const deeper = done(range(104, 106, { fork: "b", prev: h(103) }));
    expect(expectStep(decide(back.next, deeper), "ask_own_hash").block).toBe(103n);
    const step = expectStep(resolveOwnHash(back.next, deeper, h(103)), "append");
    expect(step).toMatchObject({
      removal: { from: 104n, parentHash: h(103) },
      mayCommit: true,
    });
    expect(committed(step.next, step.watermark!).committed.slice(-2)).toMatchObject([
      { start: 100n, end: 103n, hash: h(103) },
      { start: 104n, end: 106n },
    ]);
  });

  test("each step back in a row goes twice as far, so that few connections find a fork far below", () => {
    const singles = Array.from({ length: 60 }, (_, i) => entry(i, i));
    const cursors = (from: StreamMemory) => {
      const ends: (bigint | undefined)[] = [];
      for (let memory = from; ends.length < 4; ) {
        const { end } = baseOf(memory)!;
        const other = data(range(Number(end) + 1, Number(end) + 1, { prev: h(Number(end), "b") }));
        const step = expectStep(decide(memory, other), "reconnect");
        ends.push(step.cursor?.end);
        memory = step.next;
      }
      return ends;
    };
    const memory = live({ committed: singles, origin: 0n });
    expect(cursors(memory)).toEqual([58n, 56n, 52n, 44n]);

    // A commit ends the row.
    const settled = appended({ ...memory, stepsBack: 3 }, done(range(60, 60)));
    expect(cursors(committed(settled, settled.finished[0]!))[0]).toBe(59n);
    expect(committed(settled, settled.finished[0]!).stepsBack).toBe(0);
  });

  test("what is finished is committed before the server's rewind is judged", () => {
    const memory = appended(live(), done(range(120, 124)));
    const rewind = done(range(120, 121, { fork: "b" }));
    expectStep(decide(memory, rewind), "flush");
    const step = expectStep(decide(committed(memory, memory.finished[0]!), rewind), "append");
    expect(step.removal).toEqual({ from: 120n, parentHash: h(119) });
  });

  test("a young stream, never pruned, replaces everything from the beginning", () => {
    const young = live({ committed: [entry(0, 1)], origin: 0n });
    const back = expectStep(resolveOwnHash(young, data(range(1, 3, { fork: "b" })), null), "reconnect");
    expect(back).toMatchObject({ reason: "step_back", cursor: null });
    const step = expectStep(decide(back.next, done(range(0, 3, { fork: "b" }))), "append");
    expect(step).toMatchObject({
      removal: { from: null, parentHash: null },
      mayCommit: true,
    });
    expect(committed(step.next, step.watermark!)).toMatchObject({
      origin: 0n,
      committed: [{ start: 0n, end: 3n }],
    });
  });

  test("a replacement of everything must not begin later than before", () => {
    const young = live({ committed: [entry(5, 9)], origin: 5n });
    const back = expectStep(resolveOwnHash(young, data(range(7, 9, { fork: "b" })), null), "reconnect");
    expect(expectStep(decide(back.next, data(range(6, 9))), "reconnect").reason).toBe("gap");
    const step = expectStep(decide(back.next, done(range(4, 9))), "append");
    expect(committed(step.next, step.watermark!).origin).toBe(4n);
  });

  test("deeper than a pruned history: SY102, with the statement that helps", () => {
    const step = expectStep(decide(live(), data(range(50, 60, { fork: "b" }))), "fail");
    expect(step.error).toMatchObject({
      code: "SY102",
      message: "The server replaced 70 blocks, from block 50 on, which needs a decision",
      detail:
        "The history begins at block 90, above the fork. The table stands at block 119; no row was touched.",
      hint: expect.stringContaining("ampsync.resync"),
    });
  });

  test("from the first block on: it needs a decision even for a young stream, and says how many blocks it is", () => {
    const young = live({ committed: [entry(5, 9)], origin: 5n });
    expect(expectStep(decide(young, data(range(5, 9, { fork: "b" }))), "fail").error).toMatchObject({
      code: "SY102",
      message: "The server replaced 5 blocks, from block 5 on, which needs a decision",
    });
    expect(expectStep(decide(young, data(range(0, 9, { fork: "b" }))), "fail").error.code).toBe("SY102");
    const single = live({ committed: [entry(0, 0)], origin: 0n });
    expect(expectStep(decide(single, data(range(0, 0, { fork: "b" }))), "fail").error).toMatchObject({
      message: "The server replaced 1 block, from block 0 on, which needs a decision",
      detail:
        "The table begins there, so nothing below proves that this is the same chain. The table stands at block 0; no row was touched.",
    });
  });

  test("inside the oldest entry of a pruned history: exact if our own hash agrees, else deep", () => {
    const message = data(range(95, 96, { fork: "b" }));
    const step = expectStep(resolveOwnHash(live(), message, h(94)), "append");
    expect(step.removal).toEqual({ from: 95n, parentHash: h(94) });
    expectStep(resolveOwnHash(live(), message, null), "fail");
  });
});

describe("a reorg deeper than retention, in a stream whose history reaches further", () => {
  const wide = [entry(0, 999), entry(1000, 1099), entry(1100, 1299)];
  const memory = live({ committed: wide, origin: 0n });

  test("needs a decision where it could be applied at once", () => {
    const { error } = expectStep(decide(memory, data(range(1100, 1110, { fork: "b" }))), "fail");
    expect(error).toMatchObject({
      code: "SY102",
      message: "The server replaced 200 blocks, from block 1100 on, which needs a decision",
      detail: "The dataset's retention_blocks is 128. The table stands at block 1299; no row was touched.",
    });
    expectStep(resolveOwnHash(memory, data(range(1171, 1180, { fork: "b" })), h(1170)), "fail");
  });

  test("is counted from the lowest block reported as replaced: 128 of them are replaced unasked, 129 not", () => {
    expectStep(resolveOwnHash(memory, data(range(1172, 1180, { fork: "b" })), h(1171)), "append");
    expectStep(resolveOwnHash(memory, data(range(1171, 1180, { fork: "b" })), h(1170)), "fail");
  });

  test("is not counted from where the stream steps back to: those blocks only come again", () => {
    const back = expectStep(decide(memory, data(range(1290, 1299, { fork: "b", prev: null }))), "reconnect");
    expect(back).toMatchObject({ cursor: { end: 1099n }, next: { pendingReorg: { lowestReplaced: 1290n } } });
    const again = resolveOwnHash(back.next, done(range(1100, 1199)), h(1199));
    expect(expectStep(again, "append").next.pendingReorg?.lowestReplaced).toBe(1290n);
  });

  test("is found out when blocks that come again after a step back end in another hash than ours", () => {
    const back = expectStep(decide(memory, data(range(1290, 1299, { fork: "b", prev: null }))), "reconnect");
    for (const [block, kind] of [
      [1180, "append"],
      [1160, "fail"],
    ] as const) {
      const message = done(range(1100, block, { fork: "b", prev: h(1099) }));
      expect(expectStep(decide(back.next, message), "ask_own_hash").block).toBe(BigInt(block));
      expectStep(resolveOwnHash(back.next, message, h(block)), kind);
    }
  });

  test("is found out when a replacement is itself replaced further down", () => {
    const back = expectStep(decide(memory, data(range(1290, 1299, { fork: "b", prev: null }))), "reconnect");
    const half = appended(back.next, done(range(1100, 1200)));
    expectStep(decide(half, data(range(1180, 1190, { fork: "c", prev: h(1179) }))), "reconnect");
    expectStep(decide(half, data(range(1160, 1190, { fork: "c", prev: h(1159) }))), "fail");
  });

  test("a young stream is replaced from the beginning unasked where no more than that is replaced", () => {
    const young = live({ committed: [entry(0, 119)], origin: 0n });
    const back = expectStep(decide(young, data(range(100, 110, { fork: "b", prev: null }))), "reconnect");
    expect(back.cursor).toBeNull();
    const old = live({ committed: [entry(0, 299)], origin: 0n });
    expectStep(decide(old, data(range(100, 110, { fork: "b", prev: null }))), "fail");
  });
});

describe("a chain that ends below the checkpoint with another block", () => {
  test("is asked for from the entry below, and replaces what is above once it is there", () => {
    const step = expectStep(decideReplaced(live(), 112n), "reconnect");
    expect(step).toMatchObject({
      reason: "step_back",
      cursor: { end: 109n },
      next: { pendingReorg: { lowestReplaced: 112n } },
    });
    const shorter = expectStep(
      taken(step.next, done(range(110, 112, { fork: "b", prev: h(109) }))),
      "append",
    );
    expect(shorter).toMatchObject({ removal: { from: 110n }, mayCommit: true });
  });

  test("is asked for once", () => {
    const step = expectStep(decideReplaced(live(), 112n), "reconnect");
    expectStep(decideReplaced(step.next, 112n), "ignore");
    expectStep(decideReplaced(step.next, 113n), "ignore");
    expectStep(decideReplaced(step.next, 108n), "reconnect");
  });

  test("needs a decision where it is deeper than retention, or replaces the first block", () => {
    const memory = live({ committed: [entry(0, 199), entry(200, 399)], origin: 0n });
    expect(expectStep(decideReplaced(memory, 49n), "fail").error.message).toBe(
      "The server replaced 351 blocks, from block 49 on, which needs a decision",
    );
    expectStep(decideReplaced(live({ committed: [entry(0, 9)], origin: 0n }), 0n), "fail");
  });

  test("only lowers what must be reached where a young stream starts over already", () => {
    const young = live({ committed: [entry(0, 19)], origin: 0n });
    const first = expectStep(decideReplaced(young, 15n), "reconnect");
    expect(first).toMatchObject({
      cursor: null,
      next: { pendingReorg: { keep: null, lowestReplaced: 15n } },
    });
    const second = expectStep(decideReplaced(first.next, 8n), "reconnect");
    expect(second).toMatchObject({
      cursor: null,
      next: { pendingReorg: { keep: null, lowestReplaced: 8n } },
    });
    expectStep(decideReplaced(second.next, 0n), "fail");
  });

  test("means nothing before anything was committed", () => {
    const empty = rememberStream({ network: null, committed: [], origin: null, retention: 128n });
    expectStep(decideReplaced(empty, 5n), "ignore");
  });
});

describe("the worked example: entries up to 99 and 100..109", () => {
  const memory = live({ committed: [entry(90, 99), entry(100, 109)] });

  test("100..108 on 99 is aligned", () => {
    expect(expectStep(decide(memory, data(range(100, 108, { fork: "b" }))), "append").removal?.from).toBe(
      100n,
    );
  });

  test("104..106 inside: exact where block 103 agrees, else back to 99", () => {
    const message = data(range(104, 106, { fork: "b" }));
    expect(expectStep(resolveOwnHash(memory, message, h(103)), "append").removal?.from).toBe(104n);
    expect(expectStep(resolveOwnHash(memory, message, null), "reconnect").cursor?.end).toBe(99n);
  });

  test("109..109, perhaps all the server could see: block 108 decides, else back to 99", () => {
    const message = data(range(109, 109, { fork: "b", prev: h(108, "b") }));
    expect(expectStep(decide(memory, message), "ask_own_hash").block).toBe(108n);
    const step = expectStep(resolveOwnHash(memory, message, h(108)), "reconnect");
    expect(step).toMatchObject({ cursor: { end: 99n }, next: { pendingReorg: { lowestReplaced: 108n } } });
  });

  test("110..112 on another 109: back to 99", () => {
    const step = expectStep(decide(memory, data(range(110, 112, { prev: h(109, "b") }))), "reconnect");
    expect(step.cursor?.end).toBe(99n);
  });
});

describe("retention", () => {
  const ends = (history: readonly Watermark[]) => history.map((each) => Number(each.end));
  const singles = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, i) => entry(from + i, from + i));

  test("entries stay that end no more than retention blocks before the newest one starts", () => {
    const history = [...singles(1, 300)];
    expect(ends(pruneHistory(history, 128n))[0]).toBe(300 - 128);
  });

  test("it is counted from the start of the newest entry", () => {
    const history = [...singles(1, 300), entry(301, 500)];
    expect(ends(pruneHistory(history, 128n))[0]).toBe(301 - 128);
  });

  test("the newest sixteen stay however wide they are", () => {
    const history = Array.from({ length: 40 }, (_, i) => entry(i * 1000, i * 1000 + 999));
    expect(ends(pruneHistory(history, 128n))).toHaveLength(16);
  });

  test("an empty history stays empty", () => {
    expect(pruneHistory([], 128n)).toEqual([]);
  });

  test("a commit prunes", () => {
    const memory = appended(live({ committed: singles(1, 200), origin: 1n }), done(range(201, 201)));
    expect(committed(memory, memory.finished[0]!).committed[0]?.end).toBe(73n);
  });
});
