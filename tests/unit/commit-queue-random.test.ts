import { expect, test } from "vitest";

import { Budget } from "../../src/commit/budget.ts";
import { CommitQueue } from "../../src/commit/commit-queue.ts";
import type { Transaction } from "../../src/commit/transaction.ts";
import type { Ledger } from "../../src/model/ledger.ts";
import { COMMIT_LIMITS } from "../../src/model/limits.ts";
import { Permits } from "../../src/model/permits.ts";
import type { ValueReport } from "../../src/model/value-report.ts";
import { type Dice, dice } from "../support/dice.ts";

const RUNS = Number(process.env["AMPSYNC_TEST_RUNS"] ?? 200);
const FIRST_SEED = Number(process.env["AMPSYNC_TEST_SEED"] ?? 1);
const MIB = 1024 * 1024;
/** Bytes of a row; the first four hold its number, the next four this length. */
const ROW_BYTES = [8, 20, 70_000, MIB, 2 * MIB];

interface End {
  readonly index: number;
  readonly ledger: Ledger;
  readonly report: ValueReport;
}

interface Microbatch {
  readonly begin: string;
  readonly rows: number[];
  mayCommit: boolean;
}

interface Commit {
  readonly begin: string;
  readonly indexes: readonly number[];
  readonly rows: readonly number[];
}

/** Lets others run for a while: a few of their steps, or a turn of the event loop. */
async function pause(roll: Dice): Promise<void> {
  if (roll(0, 2) === 0) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (let step = roll(0, 6); step > 0; step--) {
    await null;
  }
}

/** Stands for PostgreSQL, which answers after a random time; it keeps what is committed. */
function transaction(begin: string, commits: Commit[], roll: Dice): Transaction {
  let rows: number[] = [];
  let saved: readonly number[] = [];
  return {
    async write(chunk) {
      await pause(roll);
      const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      for (let at = 0; at < chunk.length; at += view.getUint32(at + 4)) {
        rows.push(view.getUint32(at));
      }
      return null;
    },
    async savepoint() {
      await pause(roll);
      saved = [...rows];
    },
    async rollbackToSavepoint() {
      await pause(roll);
      rows = [...saved];
    },
    async commit(end) {
      await pause(roll);
      commits.push({ begin, indexes: JSON.parse(end()), rows });
    },
    abort() {},
  };
}

/** A stream of random microbatches; resolves when all that may be committed is. */
async function runStream(seed: number, budget: Budget, permits: Permits): Promise<void> {
  const roll = dice(seed);
  const commits: Commit[] = [];
  const finished: Microbatch[] = [];
  await using queue = new CommitQueue<string, End>({
    statements: {
      begin: (begin) => begin ?? "",
      end: (ends) => JSON.stringify(ends.map(({ index }) => index)),
    },
    open: async (begin) => {
      await pause(roll);
      return transaction(begin, commits, roll);
    },
    limits: {
      ...COMMIT_LIMITS,
      rows: roll(1, 9),
      spillBytes: [1, 1000, MIB, 8 * MIB][roll(0, 3)]!,
    },
    permits,
    budget,
    onCommitted: () => {},
    onFailed: () => {},
    abandoned: new AbortController().signal,
  });

  let row = 0;
  while (finished.length < 12 || !finished.at(-1)?.mayCommit) {
    const begin = finished.at(-1)?.mayCommit !== false && roll(0, 3) === 0 ? "removal" : "";
    const microbatch: Microbatch = { begin, rows: [], mayCommit: roll(0, 2) > 0 };
    queue.openMicrobatch(begin === "" ? null : begin, roll(0, 1) === 0);
    for (let message = roll(0, 3); message > 0; message--) {
      for (let i = roll(0, 3); i > 0; i--) {
        const size = ROW_BYTES[roll(0, ROW_BYTES.length - 1)]!;
        const { bytes, at } = queue.reserve(size);
        const view = new DataView(bytes.buffer, bytes.byteOffset + at);
        view.setUint32(0, row);
        view.setUint32(4, size);
        microbatch.rows.push(row++);
        queue.addRows(1);
      }
      if (message > 1) {
        await queue.room();
        await pause(roll);
      }
    }
    if (roll(0, 5) === 0) {
      queue.dropMicrobatch();
    } else {
      const end = { index: finished.length, ledger: { rows: 0, idXor: 0n } };
      queue.finishMicrobatch(
        { ...end, report: { rejected: [], nulled: [], nuls: [] } },
        microbatch.mayCommit,
      );
      finished.push(microbatch);
    }
    await queue.room();
    await pause(roll);
  }
  await queue.settle();

  expect(commits.flatMap(({ indexes }) => indexes)).toEqual([...finished.keys()]);
  for (const { begin, indexes, rows } of commits) {
    const whole = indexes.map((index) => finished[index]!);
    expect(rows).toEqual(whole.flatMap((each) => each.rows));
    expect([begin, whole.at(-1)?.mayCommit]).toEqual([whole[0]?.begin, true]);
    expect(whole.slice(1).every((each) => each.begin === "")).toBe(true);
  }
}

test("whatever the writer and the readers of four streams do at the same moment, microbatches are committed whole and in order", async () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS / 4; seed++) {
    const budget = new Budget(10 * MIB);
    const permits = new Permits(2);
    const streams = [1, 2, 3, 4].map((stream) => runStream(seed * 10 + stream, budget, permits));
    await Promise.all(streams).catch((error) => {
      throw new Error(`AMPSYNC_TEST_SEED=${seed} AMPSYNC_TEST_RUNS=4`, { cause: error });
    });
    budget.take(10 * MIB - 1); // Nothing else is held.
    expect(budget.isExhausted).toBe(false);
  }
});
