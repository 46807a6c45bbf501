import { afterEach, describe, expect, test, vi } from "vitest";

import { Budget } from "../../src/commit/budget.ts";
import { CommitQueue } from "../../src/commit/commit-queue.ts";
import type { Transaction } from "../../src/commit/transaction.ts";
import type { CommitSize } from "../../src/model/commit-size.ts";
import type { Ledger } from "../../src/model/ledger.ts";
import {
  COMMIT_LIMITS,
  type CommitLimits,
  STREAM_BYTES,
  STREAM_FLOOR_BYTES,
} from "../../src/model/limits.ts";
import { Permits } from "../../src/model/permits.ts";
import type { ValueReport } from "../../src/model/value-report.ts";
import { waitFor } from "../support/wait-for.ts";

const MIB = 1024 * 1024;
const NEVER = new AbortController().signal;
const NOTHING: ValueReport = { rejected: [], nulled: [], nuls: [] };
/** A microbatch begins its transaction with its first byte. */
const SPILLS = { spillBytes: 1 };

interface End {
  readonly block: bigint;
  readonly ledger: Ledger;
  readonly report: ValueReport;
}

interface Commit {
  readonly text: string;
  /** What it begins with. */
  readonly begin: string;
  /** What it ends with: the blocks of its microbatches, and the one it goes on from. */
  readonly end: string;
}

/** Stands for PostgreSQL: keeps what is committed. Rows are letters. */
class Table {
  readonly commits: Commit[] = [];
  opened = 0;
  open = 0;
  aborted = 0;
  bytes = 0;
  /** What comes of each write, such as a lock that is waited for. */
  onWrite: () => Promise<void> = async () => {};
  onCommit: () => Promise<void> = async () => {};

  begin(begin: string, signal: AbortSignal): Transaction {
    let text = "";
    let saved: string | null = null;
    let isOver = false;
    this.opened++;
    this.open++;
    const end = () => {
      if (isOver) return false;
      isOver = true;
      this.open--;
      return true;
    };
    const abort = () => {
      if (end()) this.aborted++;
    };
    signal.addEventListener("abort", abort);
    return {
      write: async (chunk) => {
        await this.onWrite();
        signal.throwIfAborted();
        this.bytes += chunk.length;
        text += chunk.length > 1000 ? "" : Buffer.from(chunk).toString("latin1"); // Large ones only count.
        return null;
      },
      savepoint: async () => {
        saved = text;
      },
      rollbackToSavepoint: async () => {
        if (saved === null) throw new Error("there is no savepoint");
        text = saved;
      },
      commit: async (statement) => {
        await this.onCommit();
        signal.throwIfAborted();
        end();
        this.commits.push({ text, begin, end: statement() });
      },
      abort,
    };
  }
}

interface Parts {
  readonly limits?: Partial<CommitLimits>;
  readonly permits?: Permits;
  readonly budget?: Budget;
  readonly abandoned?: AbortSignal;
}

/** A queue that writes into a Table. */
class Rig implements AsyncDisposable {
  readonly table = new Table();
  readonly failures: unknown[] = [];
  readonly committed: bigint[] = [];
  readonly sizes: CommitSize[] = [];
  readonly queue: CommitQueue<string, End>;
  #block = 0n;

  constructor({
    limits,
    permits = new Permits(1),
    budget = new Budget(1024 * MIB),
    abandoned = NEVER,
  }: Parts = {}) {
    this.queue = new CommitQueue<string, End>({
      statements: {
        begin: (begin) => begin ?? "",
        end: (ends) => `${ends.map(({ block }) => block)} after ${this.committed.at(-1) ?? "nothing"}`,
      },
      open: async (begin, _, signal) => this.table.begin(begin, signal),
      limits: { ...COMMIT_LIMITS, ...limits },
      permits,
      budget,
      onCommitted: ({ block }, _, size) => {
        this.committed.push(block);
        this.sizes.push(size);
      },
      onFailed: (error) => this.failures.push(error),
      abandoned,
    });
  }

  begin(begin: string | null = null): void {
    this.queue.openMicrobatch(begin);
  }

  /** Adds rows of one letter each. */
  add(letters: string): void {
    const { bytes, at } = this.queue.reserve(letters.length);
    bytes.set(Buffer.from(letters), at);
    this.queue.addRows(letters.length);
  }

  /** Adds rows as a message brings them. */
  async rows(letters: string): Promise<void> {
    this.add(letters);
    await this.queue.room();
  }

  finish(mayCommit = true, report: ValueReport = NOTHING): void {
    const block = this.#block++;
    this.queue.finishMicrobatch({ block, ledger: { rows: 0, idXor: 0n }, report }, mayCommit);
  }

  async microbatch(letters: string, mayCommit = true): Promise<void> {
    this.begin();
    await this.rows(letters);
    this.finish(mayCommit);
  }

  get texts(): readonly string[] {
    return this.table.commits.map(({ text }) => text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.queue[Symbol.asyncDispose]();
  }
}

/** Whether it is over by the time everything else that can be done is done. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const done = () => {
    settled = true;
  };
  promise.then(done, done);
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

/** Resolves between two steps of those who wait: so many steps later. */
async function elapse(ticks: number): Promise<void> {
  for (let tick = 0; tick < ticks; tick++) {
    await null;
  }
}

afterEach(() => {
  vi.useRealTimers();
});

describe("commits", () => {
  test("a finished microbatch is committed at once, those that finish meanwhile together", async () => {
    await using rig = new Rig();
    const answered = Promise.withResolvers<void>();
    rig.table.onCommit = () => answered.promise;
    await rig.microbatch("a");
    await waitFor("the first commit", () => rig.table.opened === 1);
    await rig.microbatch("b");
    await rig.microbatch("c");
    answered.resolve();
    await rig.queue.settle();
    expect(rig.texts).toEqual(["a", "bc"]);
    expect(rig.table.commits.map(({ end }) => end)).toEqual(["0 after nothing", "1,2 after 0"]);
    expect(rig.committed).toEqual([0n, 2n]);
    const time = expect.any(Number);
    expect(rig.sizes).toEqual([
      { microbatches: 1, rows: 0, bytes: 1, copyMs: time, commitMs: time }, // Its ledger counts none.
      { microbatches: 2, rows: 0, bytes: 2, copyMs: time, commitMs: time },
    ]);
  });

  test("no more microbatches go into one than the limits allow, and at least one does", async () => {
    await using rig = new Rig({ limits: { rows: 3, bytes: 5 } });
    rig.table.onCommit = () => new Promise((resolve) => setImmediate(resolve));
    for (const letters of ["a", "bb", "bb", "cccccc", "d", "e"]) {
      await rig.microbatch(letters);
    }
    await rig.queue.settle();
    expect(rig.texts).toEqual(["a", "bbbb", "cccccc", "de"]);
  });

  test.each([
    ["whole", {}],
    ["spilled", SPILLS],
  ])("a %s replacement is committed when it is complete, not in its middle", async (_, limits) => {
    await using rig = new Rig({ limits });
    rig.begin("remove 7");
    await rig.rows("a");
    rig.finish(false);
    await rig.microbatch("b", false);
    await rig.queue.settle(); // Nothing of it may be committed yet: there is nothing to wait for.
    expect(rig.texts).toEqual([]);
    await rig.microbatch("c");
    await rig.queue.settle();
    expect(rig.table.commits).toEqual([{ text: "abc", begin: "remove 7", end: "0,1,2 after nothing" }]);
  });

  test("a microbatch is committed whole, at whatever moment it is finished", async () => {
    await using rig = new Rig({ limits: SPILLS });
    for (let steps = 0; steps < 30; steps++) {
      rig.begin();
      rig.add("a");
      await elapse(steps); // The writer is between any two steps of its own.
      rig.add("b");
      rig.finish();
      await rig.queue.settle();
      expect(rig.texts.at(-1)).toBe("ab");
    }
  });

  test("a microbatch given up in the middle of a replacement leaves nothing, at whatever moment that is", async () => {
    await using rig = new Rig({ limits: SPILLS });
    for (let steps = 0; steps < 30; steps++) {
      rig.begin("remove 7");
      await rig.rows("a");
      rig.finish(false);
      await waitFor("a to be written", () => rig.table.bytes === 2 * steps + 1);
      rig.begin();
      await elapse(steps);
      rig.queue.dropMicrobatch();
      await elapse(steps);
      rig.begin();
      rig.add("b");
      rig.finish();
      await rig.queue.settle();
      expect(rig.texts.at(-1)).toBe("ab");
    }
  });

  test("what a commit begins with can be done while its rows arrive", async () => {
    await using rig = new Rig();
    await rig.microbatch("a");
    rig.queue.openMicrobatch("remove 1", true);
    await waitFor("the transaction to begin", () => rig.table.opened === 2, 5_000);
    expect(rig.texts).toEqual(["a"]);
    await rig.rows("b"); // Far from a chunk, but the writer waits for it.
    await waitFor("it to be written", () => rig.table.bytes === 2, 5_000);
    rig.finish();
    await rig.queue.settle();
    expect(rig.table.commits.at(-1)).toEqual({ text: "b", begin: "remove 1", end: "1 after 0" });
  });

  test.each([0, 1, 2, 3, 5, 8])(
    "a commit that began early is rolled back where its rows are given up, %i steps later",
    async (steps) => {
      await using rig = new Rig();
      rig.queue.openMicrobatch("remove 1", true);
      await elapse(steps);
      rig.queue.dropMicrobatch();
      await rig.microbatch("a");
      await rig.queue.settle();
      expect(rig.table.commits).toEqual([{ text: "a", begin: "", end: "0 after nothing" }]);
      expect(rig.table.open).toBe(0);
    },
  );

  test("a removal begins a commit of its own", async () => {
    await using rig = new Rig();
    const permits = Promise.withResolvers<void>();
    rig.table.onCommit = () => permits.promise;
    await rig.microbatch("a");
    await rig.microbatch("b");
    rig.begin("remove 1");
    await rig.rows("c");
    rig.finish();
    permits.resolve();
    await rig.queue.settle();
    expect(rig.table.commits.map(({ begin, text }) => [begin, text])).toEqual([
      ["", "a"],
      ["", "b"],
      ["remove 1", "c"],
    ]);
  });

  test("what begins a commit in the middle of another one is refused, and nothing of either is committed", async () => {
    await using rig = new Rig();
    await rig.microbatch("a", false);
    rig.begin("remove 1");
    await rig.rows("b");
    rig.finish();
    await expect(rig.queue.settle()).rejects.toThrow("cannot come in its middle");
    expect(rig.table).toMatchObject({ commits: [], open: 0 });
  });

  test("an error of a commit is reported once, and ends whatever is asked next", async () => {
    await using rig = new Rig();
    rig.table.onCommit = () => Promise.reject(new Error("disk full"));
    await rig.microbatch("a");
    await expect(rig.queue.settle()).rejects.toThrow("disk full");
    await expect(rig.queue.room()).rejects.toThrow("disk full");
    expect(rig.failures).toEqual([new Error("disk full")]);
    expect(rig.table.open).toBe(0);
  });
});

describe("room", () => {
  test("is made by writing a row as large as all that a stream may hold, although its microbatch goes on", async () => {
    await using rig = new Rig();
    rig.begin();
    rig.queue.reserve(STREAM_BYTES);
    await rig.queue.room();
    expect(rig.table.bytes).toBe(STREAM_BYTES);
  });

  test("is made while a large microbatch grows, however large it becomes", async () => {
    await using rig = new Rig();
    rig.begin();
    for (let written = 0; written < 3 * STREAM_BYTES; written += MIB) {
      rig.queue.reserve(MIB - 1); // Does not fill its chunk.
      await rig.queue.room();
    }
    rig.finish();
    await rig.queue.settle();
    expect(rig.committed).toEqual([0n]);
  });

  test("what comes while the writer waits for it is written at once", async () => {
    await using rig = new Rig({ limits: SPILLS });
    rig.begin();
    for (let message = 1; message <= 3; message++) {
      await rig.rows("a"); // Far from a chunk.
      await waitFor(`message ${message} to be written`, () => rig.table.bytes === message, 5_000);
    }
  });

  test("each chunk of a large microbatch is written as it fills, not when there is no more room", async () => {
    await using rig = new Rig({ limits: SPILLS });
    rig.begin();
    await rig.rows("a");
    for (let chunk = 1; chunk <= 3; chunk++) {
      rig.queue.reserve(MIB);
      rig.queue.reserve(1); // Begins the next chunk.
      await waitFor(`chunk ${chunk} to be written`, () => rig.table.bytes >= chunk * MIB, 5_000);
    }
  });

  test("is made by other streams too while this one cannot write", async () => {
    const budget = new Budget(2 * STREAM_FLOOR_BYTES);
    const permits = new Permits(1);
    using _taken = await permits.take(NEVER);
    await using waiting = new Rig({ budget, permits });
    waiting.begin();
    waiting.queue.reserve(STREAM_FLOOR_BYTES);
    let room: Promise<void>;
    {
      await using other = new Rig({ budget, permits });
      other.begin();
      other.queue.reserve(STREAM_FLOOR_BYTES);
      room = waiting.queue.room();
      expect(await isSettled(room)).toBe(false);
    }
    await room;
    expect(waiting.table.bytes).toBe(0);
  });

  test("is made by writing what is not finished when other streams use the budget up", async () => {
    const budget = new Budget(STREAM_FLOOR_BYTES + 1);
    await using rig = new Rig({ budget });
    rig.begin();
    rig.queue.reserve(STREAM_FLOOR_BYTES);
    await rig.queue.room();
    expect(rig.table.opened).toBe(0);
    budget.take(1); // As another stream does.
    await rig.queue.room();
    expect(rig.table.bytes).toBe(STREAM_FLOOR_BYTES);
  });

  test("is made by writing what is not finished, even when the budget has room for a moment only", async () => {
    for (let ticks = 0; ticks < 10; ticks++) {
      const budget = new Budget(2 * STREAM_FLOOR_BYTES);
      await using rig = new Rig({ budget });
      rig.begin();
      rig.queue.reserve(STREAM_FLOOR_BYTES);
      budget.take(STREAM_FLOOR_BYTES); // As another stream does.
      const room = rig.queue.room();
      const taken = elapse(ticks).then(() => budget.take(1));
      budget.give(1);
      await taken;
      await room;
    }
  });

  test("a stream below its floor has room, whatever others hold", async () => {
    const budget = new Budget(1);
    await using rig = new Rig({ budget });
    rig.begin();
    rig.queue.reserve(STREAM_FLOOR_BYTES - 1);
    await rig.queue.room();
  });

  test("is not taken up for ever by reports of values that were committed", async () => {
    await using rig = new Rig({});
    const values = "x".repeat(STREAM_BYTES / 4);
    const reject = { block: 0n, row: 0, column: null, sqlstate: "22003", reason: "too large", values };
    for (let i = 0; i < 8; i++) {
      rig.begin();
      await rig.rows("a");
      rig.finish(true, { ...NOTHING, rejected: [reject] });
      await rig.queue.settle();
    }
    expect(rig.texts).toHaveLength(8);
  });

  /** Begins a replacement with so many finished microbatches, of each of which a quarter of what a stream may hold is told. */
  async function replacement(rig: Rig, microbatches: number): Promise<void> {
    const values = "x".repeat(STREAM_BYTES / 4);
    const reject = { block: 0n, row: 0, column: null, sqlstate: "22003", reason: "too large", values };
    rig.begin("remove 7");
    for (let i = 0; i < microbatches; i++) {
      if (i > 0) rig.begin();
      rig.add("a");
      rig.finish(false, { ...NOTHING, rejected: [reject] });
      await rig.queue.room();
    }
  }

  test("is not waited for in the middle of a replacement where only its commit would make some", async () => {
    const budget = new Budget(1); // Others use it up.
    await using rig = new Rig({ budget });
    await replacement(rig, 3);
    await rig.microbatch("b");
    await rig.queue.settle();
    expect(rig.texts).toEqual(["aaab"]);
  });

  test("ends where more is told of a replacement than a stream may hold, and says why", async () => {
    await using rig = new Rig({});
    await expect(replacement(rig, 4)).rejects.toMatchObject({
      code: "SY203",
      message: expect.stringContaining("in one replacement"),
    });
    expect(rig.texts).toEqual([]);
  });

  test("whoever waits for it learns that the writer failed", async () => {
    await using rig = new Rig();
    rig.table.onWrite = () => Promise.reject(new Error("connection lost"));
    rig.begin();
    rig.queue.reserve(STREAM_BYTES);
    await expect(rig.queue.room()).rejects.toThrow("connection lost");
  });
});

test("a connection is over when PostgreSQL has let go of what it wrote, and then releases that memory once", async () => {
  const budget = new Budget(1);
  const rig = new Rig({ budget, limits: SPILLS });
  const taken = Promise.withResolvers<void>();
  rig.table.onWrite = () => taken.promise;
  rig.begin();
  await rig.rows("x");
  await waitFor("its transaction", () => rig.table.opened === 1);
  const over = rig[Symbol.asyncDispose]();
  expect(await isSettled(over)).toBe(false);
  taken.resolve();
  await over;
  expect(budget.isExhausted).toBe(false);
  budget.take(1);
  expect(budget.isExhausted).toBe(true);
});

describe("permits", () => {
  test.each([
    ["a finished microbatch", {}, true],
    ["a large one that is not finished", SPILLS, false],
  ])("%s is not begun to be written without one", async (_, limits, isFinished) => {
    const permits = new Permits(1);
    const taken = await permits.take(NEVER);
    await using rig = new Rig({ permits, limits });
    rig.begin();
    await rig.rows("a");
    if (isFinished) rig.finish();
    await isSettled(Promise.resolve());
    expect(rig.table.opened).toBe(0);
    taken[Symbol.dispose]();
    await waitFor("the transaction", () => rig.table.opened === 1);
  });

  test("what finishes during the wait for a permit goes into the same commit", async () => {
    const permits = new Permits(1);
    const taken = await permits.take(NEVER);
    await using rig = new Rig({ permits });
    await rig.microbatch("a");
    await rig.microbatch("b");
    taken[Symbol.dispose]();
    await rig.queue.settle();
    expect(rig.texts).toEqual(["ab"]);
  });

  test("a connection that is over neither waits for a permit nor keeps it from others", async () => {
    const permits = new Permits(1);
    const taken = await permits.take(NEVER);
    {
      await using rig = new Rig({ permits });
      await rig.microbatch("a");
    }
    taken[Symbol.dispose]();
    await expect(permits.take(NEVER)).resolves.toBeDefined();
  });

  test("a pass that is abandoned does not wait for a permit", async () => {
    const permits = new Permits(1);
    using _taken = await permits.take(NEVER);
    const abandoned = new AbortController();
    await using rig = new Rig({ permits, abandoned: abandoned.signal });
    await rig.microbatch("a");
    const settled = rig.queue.settle();
    abandoned.abort(new Error("shut down"));
    await expect(settled).rejects.toThrow("shut down");
  });

  test("a pass that is abandoned returns the permit that it holds, and ends its transaction", async () => {
    const permits = new Permits(1);
    const abandoned = new AbortController();
    await using rig = new Rig({ permits, limits: SPILLS, abandoned: abandoned.signal });
    rig.begin();
    await rig.rows("a");
    await waitFor("the transaction", () => rig.table.bytes === 1 || rig.table.opened === 1);
    abandoned.abort(new Error("shut down"));
    await expect(permits.take(NEVER)).resolves.toBeDefined();
    expect(rig.table).toMatchObject({ open: 0, commits: [] });
  });
});

describe("a microbatch that its source gives up", () => {
  test("before any of it was written leaves nothing behind", async () => {
    const budget = new Budget(1);
    await using rig = new Rig({ budget });
    rig.begin();
    await rig.rows("xx");
    rig.queue.dropMicrobatch();
    expect(budget.isExhausted).toBe(false);
    await rig.microbatch("a");
    await rig.queue.settle();
    expect(rig.texts).toEqual(["a"]);
  });

  test("after part of it was written takes its transaction with it, and the next one begins another", async () => {
    const budget = new Budget(1);
    await using rig = new Rig({ budget, limits: SPILLS });
    rig.begin();
    await rig.rows("xx");
    await waitFor("its transaction", () => rig.table.opened === 1);
    rig.queue.dropMicrobatch();
    rig.begin("remove 3");
    await rig.rows("a");
    rig.finish();
    await rig.queue.settle();
    expect(rig.table).toMatchObject({ aborted: 1, open: 0, commits: [{ text: "a", begin: "remove 3" }] });
    expect(rig.failures).toEqual([]);
    expect(budget.isExhausted).toBe(false);
  });

  test("in the middle of a replacement is rolled back alone, however often", async () => {
    const budget = new Budget(1);
    await using rig = new Rig({ budget, limits: SPILLS });
    rig.begin("remove 3");
    await rig.rows("a");
    rig.finish(false);
    for (const letter of ["b", "c"]) {
      for (let time = 1; time <= 2; time++) {
        rig.begin();
        const { bytes } = rig.table;
        await rig.rows("xx");
        rig.queue.reserve(MIB); // Fills its first chunk.
        await waitFor("some of it to be written", () => rig.table.bytes > bytes);
        rig.queue.dropMicrobatch();
      }
      await rig.microbatch(letter, letter === "c");
    }
    await rig.queue.settle();
    expect(rig.table).toMatchObject({
      opened: 1,
      aborted: 0,
      commits: [{ text: "abc", begin: "remove 3", end: "0,1,2 after nothing" }],
    });
    expect(budget.isExhausted).toBe(false);
  });

  test("while PostgreSQL takes a chunk of it releases its memory once, and delays nobody", async () => {
    const budget = new Budget(1);
    await using rig = new Rig({ budget, limits: SPILLS });
    const taken = Promise.withResolvers<void>();
    rig.table.onWrite = () => taken.promise;
    rig.begin();
    await rig.rows("x");
    rig.queue.reserve(MIB);
    rig.queue.reserve(MIB);
    await waitFor("its transaction", () => rig.table.opened === 1);
    rig.queue.dropMicrobatch();
    await rig.microbatch("a");
    taken.resolve();
    await rig.queue.settle();
    expect(rig.texts).toEqual(["a"]);
    expect(budget.isExhausted).toBe(false);
    using _more = { [Symbol.dispose]: () => budget.give(1) };
    budget.take(1); // Neither is more given back than was taken.
    expect(budget.isExhausted).toBe(true);
  });
});

describe("a server that falls silent", () => {
  const STALL_MS = 30_000;

  /** With a transaction that is open and waits for more. */
  async function spilled(): Promise<Rig> {
    vi.useFakeTimers();
    const rig = new Rig({ limits: { ...SPILLS, stallMs: STALL_MS } });
    rig.begin();
    await rig.rows("a");
    await vi.advanceTimersByTimeAsync(0);
    return rig;
  }

  test("in the middle of a large microbatch does not keep its transaction open", async () => {
    await using rig = await spilled();
    await vi.advanceTimersByTimeAsync(STALL_MS - 1);
    expect(rig.failures).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(rig.failures).toMatchObject([
      { code: "SY104", message: expect.stringContaining("no bytes for 30 s") },
    ]);
    expect(rig.table.open).toBe(0);
  });

  test("is not one whose bytes trickle, for longer than that", async () => {
    await using rig = await spilled();
    for (let minute = 0; minute < 10; minute++) {
      await vi.advanceTimersByTimeAsync(STALL_MS - 1);
      await rig.rows("a"); // Far from a chunk.
    }
    rig.finish();
    await rig.queue.settle();
    await rig.queue.room();
    expect(rig.texts).toEqual(["a".repeat(11)]);
    expect(rig.failures).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("is not one that sends keep-alives", async () => {
    await using rig = await spilled();
    for (let minute = 0; minute < 10; minute++) {
      await vi.advanceTimersByTimeAsync(STALL_MS - 1);
      await rig.queue.room();
    }
    rig.finish();
    await rig.queue.settle();
    expect(rig.failures).toEqual([]);
  });

  test("is not one that waits while PostgreSQL does", async () => {
    vi.useFakeTimers();
    await using rig = new Rig({ limits: { ...SPILLS, stallMs: STALL_MS } });
    const lock = Promise.withResolvers<void>();
    rig.table.onWrite = () => lock.promise;
    rig.begin();
    rig.queue.reserve(STREAM_BYTES);
    const room = rig.queue.room();
    await vi.advanceTimersByTimeAsync(10 * STALL_MS);
    lock.resolve();
    await room;
    rig.finish();
    await rig.queue.settle();
    expect(rig.failures).toEqual([]);
  });
});
