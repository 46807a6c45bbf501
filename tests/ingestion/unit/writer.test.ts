import { afterEach, describe, expect, test, vi } from "vitest";

import { Budget } from "../../../src/commit/budget.ts";
import { CopyRows } from "../../../src/commit/copy-rows.ts";
import { commitPages } from "../../../src/ingest/commit-statements.ts";
import { copyRecords } from "../../../src/ingest/copy-records.ts";
import { HeldBytes } from "../../../src/ingest/held-bytes.ts";
import type { Page } from "../../../src/ingest/page.ts";
import { PageQueue } from "../../../src/ingest/page-queue.ts";
import { SOURCE_BYTES, STREAM_FLOOR_BYTES } from "../../../src/model/limits.ts";
import { Permits } from "../../../src/model/permits.ts";

const MIB = 1024 * 1024;
const NEVER = new AbortController().signal;

interface Parts {
  readonly permits?: Permits;
  readonly budget?: Budget;
  readonly abandoned?: AbortSignal;
}

/** A queue whose commits a test answers. */
class Rig implements AsyncDisposable {
  /** The pages of each commit: their parts and numbers. */
  readonly commits: string[][] = [];
  readonly failures: unknown[] = [];
  readonly budget: Budget;
  readonly queue: PageQueue;
  /** What a commit waits for. */
  answer: () => Promise<void> = async () => {};
  #number = 0;

  constructor({ permits = new Permits(1), budget = new Budget(1024 * MIB), abandoned = NEVER }: Parts = {}) {
    this.budget = budget;
    this.queue = new PageQueue({
      permits,
      budget,
      write: async (pages) => {
        this.commits.push(pages.map(({ part, page }) => `${part}.${page}`));
        for (const { held } of pages) held.release();
        await this.answer();
      },
      onCommitted: () => {},
      onFailed: (error) => this.failures.push(error),
      abandoned,
    });
  }

  add(count: number, { part = "0", bytes = count * 100 } = {}): void {
    const held = this.queue.expectPage();
    held.set(bytes);
    const page: Partial<Page> = {
      part,
      page: ++this.#number,
      body: new Uint8Array(bytes),
      records: { count, starts: new Uint32Array(), ends: new Uint32Array() },
      held,
    };
    this.queue.add(page as Page);
  }

  /** The first page of a pass is committed at once; these tests are about those after it. */
  async begun(): Promise<this> {
    this.add(1);
    await this.queue.settle();
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.queue[Symbol.asyncDispose]();
  }
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

afterEach(() => {
  vi.useRealTimers();
});

describe("a commit begins", () => {
  test("with the first page of a pass, however small it is, and not with the second", async () => {
    await using rig = new Rig();
    rig.add(1);
    await turns();
    rig.add(1);
    await turns();
    expect(rig.commits).toEqual([["0.1"]]);
  });

  test("once 5,000 records wait", async () => {
    await using rig = await new Rig().begun();
    rig.add(2_500);
    rig.add(2_499);
    await turns();
    expect(rig.commits).toHaveLength(1);
    rig.add(1);
    await turns();
    expect(rig.commits).toEqual([["0.1"], ["0.2", "0.3", "0.4"]]);
  });

  test("once 16 MiB wait, however few records they are", async () => {
    await using rig = await new Rig().begun();
    rig.add(1, { bytes: 15 * MIB });
    await turns();
    expect(rig.commits).toHaveLength(1);
    rig.add(1, { bytes: MIB });
    await turns();
    expect(rig.commits).toEqual([["0.1"], ["0.2", "0.3"]]);
  });

  test("once the oldest page has waited 5 s", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    await using rig = new Rig();
    rig.add(1);
    await turns();
    rig.add(1);
    await vi.advanceTimersByTimeAsync(3_000);
    rig.add(1);
    await vi.advanceTimersByTimeAsync(1_900);
    expect(rig.commits).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(200);
    await turns();
    expect(rig.commits).toEqual([["0.1"], ["0.2", "0.3"]]);
  });

  test("when nothing more is coming", async () => {
    await using rig = await new Rig().begun();
    rig.add(1);
    rig.queue.expectMore(false);
    await turns();
    expect(rig.commits).toEqual([["0.1"], ["0.2"]]);
    rig.add(1);
    await turns();
    expect(rig.commits).toHaveLength(3);
  });

  test("when somebody waits for it", async () => {
    await using rig = await new Rig().begun();
    rig.add(1);
    await rig.queue.settle();
    expect(rig.commits).toEqual([["0.1"], ["0.2"]]);
  });

  test("when the memory of the process is used up", async () => {
    const budget = new Budget(MIB);
    await using rig = await new Rig({ budget }).begun();
    rig.add(1, { bytes: MIB });
    await turns();
    expect(rig.commits).toHaveLength(2);
  });

  test("only with a permit, and takes what has gathered until then", async () => {
    const permits = new Permits(1);
    const taken = await permits.take(NEVER);
    await using rig = new Rig({ permits });
    rig.add(1);
    await turns();
    rig.add(1);
    expect(rig.commits).toEqual([]);
    taken[Symbol.dispose]();
    await turns();
    expect(rig.commits).toEqual([["0.1", "0.2"]]);
  });
});

test("a commit takes no more than 10,000 records, and a page that has more alone", async () => {
  const permits = new Permits(1);
  const taken = await permits.take(NEVER);
  await using rig = new Rig({ permits });
  for (const count of [4_000, 6_000, 1, 20_000, 9_000]) rig.add(count);
  taken[Symbol.dispose]();
  await rig.queue.settle();
  expect(rig.commits).toEqual([["0.1", "0.2"], ["0.3"], ["0.4"], ["0.5"]]);
});

test("others gather while a commit is under way, and follow it in the order in which they came", async () => {
  await using rig = await new Rig().begun();
  const answered = Promise.withResolvers<void>();
  rig.answer = () => answered.promise;
  rig.add(5_000);
  await turns();
  rig.add(3_000, { part: "1" });
  rig.add(3_000, { part: "0" });
  rig.add(3_000, { part: "1" });
  await turns();
  expect(rig.commits).toEqual([["0.1"], ["0.2"]]);
  answered.resolve();
  await turns();
  expect(rig.commits[2]).toEqual(["1.3", "0.4", "1.5"]);
});

describe("room for further pages", () => {
  test("ends with 10,000 records that are not committed", async () => {
    await using rig = await new Rig().begun();
    const answered = Promise.withResolvers<void>();
    rig.answer = () => answered.promise;
    rig.add(5_000);
    await turns();
    rig.add(4_999);
    expect(rig.queue.room).toBeGreaterThan(0);
    rig.add(1);
    expect(rig.queue.room).toBe(0);
    answered.resolve();
    await turns();
    expect(rig.queue.room).toBeGreaterThan(0);
  });

  test("counts a page under way as the largest that has come", async () => {
    await using rig = await new Rig().begun();
    rig.add(1, { bytes: 10 * MIB });
    await rig.queue.settle();
    const pages = Array.from({ length: 4 }, () => rig.queue.expectPage());
    expect(rig.queue.room).toBe(Math.floor((SOURCE_BYTES - 40 * MIB) / (10 * MIB)));
    for (const held of pages) held.release();
    expect(rig.queue.room).toBe(Math.floor(SOURCE_BYTES / (10 * MIB)));
  });

  test("is there for one page that is larger than what a source may hold", async () => {
    await using rig = new Rig();
    rig.add(1, { bytes: SOURCE_BYTES + 1 });
    await rig.queue.settle();
    expect(rig.queue.room).toBe(1);
    const held = rig.queue.expectPage();
    expect(rig.queue.room).toBe(0);
    held.release();
  });

  test("is the floor of each source when the memory of the process is used up", async () => {
    const budget = new Budget(MIB);
    budget.take(MIB);
    await using rig = new Rig({ budget });
    rig.add(1, { bytes: MIB });
    await rig.queue.settle();
    expect(rig.queue.room).toBe(STREAM_FLOOR_BYTES / MIB);
    const held = rig.queue.expectPage();
    held.set(STREAM_FLOOR_BYTES);
    expect(rig.queue.room).toBe(0);
    held.release();
  });
});

test("the process counts a page from its first byte until it is written", async () => {
  const budget = new Budget(100);
  await using rig = new Rig({ budget });
  const held = rig.queue.expectPage();
  expect(budget.isExhausted).toBe(false);
  held.add(60);
  held.add(40);
  expect(budget.isExhausted).toBe(true);
  held.set(10);
  expect(budget.isExhausted).toBe(false);
  held.release();
});

test("a commit that fails is told once, and ends every wait", async () => {
  await using rig = new Rig();
  rig.answer = async () => {
    throw new Error("no");
  };
  rig.add(1);
  await expect(rig.queue.settle()).rejects.toThrow("no");
  expect(rig.failures).toEqual([new Error("no")]);
});

test("what is not committed when the pass is over takes no memory any more", async () => {
  const budget = new Budget(100);
  const permits = new Permits(1);
  await permits.take(NEVER);
  const rig = new Rig({ budget, permits });
  rig.add(1, { bytes: 100 });
  expect(budget.isExhausted).toBe(true);
  await rig.queue[Symbol.asyncDispose]();
  expect(budget.isExhausted).toBe(false);
  expect(rig.failures).toEqual([]);
});

describe("records are copied", () => {
  /** Pages with these records, which have a comma between them, as in their body. */
  function pagesOf(...pages: readonly (readonly string[])[]): Page[] {
    return pages.map((records) => {
      const body = Buffer.from(records.join(","));
      const lengths = records.map((record) => Buffer.byteLength(record));
      const starts = lengths.map((_, index) =>
        lengths.slice(0, index).reduce((sum, each) => sum + each + 1, 0),
      );
      const ends = starts.map((start, index) => start + lengths[index]!);
      const held = new HeldBytes(new Budget(0), new Budget(0), body.length);
      const page: Partial<Page> = {
        body,
        records: { count: records.length, starts: Uint32Array.from(starts), ends: Uint32Array.from(ends) },
        held,
      };
      return page as Page;
    });
  }

  function copied(pages: readonly Page[]): readonly (readonly [n: number, record: string])[] {
    const bytes = Buffer.concat(Array.from(copyRecords(pages), (chunk) => Buffer.from(chunk)));
    const rows = new CopyRows(bytes);
    return Array.from({ length: rows.count }, (_, row) => {
      const [n, record] = rows.fields(row);
      return [Buffer.from(n!).readInt32BE(), Buffer.from(record!).toString()] as const;
    });
  }

  test("byte for byte, numbered over all pages of a commit from 0", () => {
    const pages = pagesOf(['{"a":1}', '"\u00e9 é"'], [], ["1.10", "{}"]);
    expect(copied(pages)).toEqual([
      [0, '{"a":1}'],
      [1, '"\u00e9 é"'],
      [2, "1.10"],
      [3, "{}"],
    ]);
  });

  test("in chunks of 1 MiB, whatever lies across their borders", () => {
    const lengths = Array.from({ length: 300 }, (_, index) => 10_000 + index);
    const records = [...lengths.map((length) => "x".repeat(length)), "y".repeat(3 * MIB), "z"];
    const pages = pagesOf(records);
    expect(Math.max(...Array.from(copyRecords(pages), ({ length }) => length))).toBe(MIB);
    expect(copied(pages).map(([n, record]) => `${n} ${record.length}`)).toEqual(
      records.map(({ length }, n) => `${n} ${length}`),
    );
  });
});

test("a commit tells a page that is read again, as the position behind it has expired, from one that follows", () => {
  const page = (number: number, asked: string, expected: string) =>
    ({
      ...{ part: "0", page: number, done: false, total: null, position: { token: `p${number}` } },
      ...{ asked: { token: asked }, expected: { token: expected } },
      records: { count: 10 },
      nuls: { records: 0 },
    }) as unknown as Page;
  const following = page(1, "p0", "p0");
  const statement = commitPages({ streamId: 1n, epoch: 1n }, [
    { ...following, asked: following.expected },
    page(2, "p0", "p1"),
  ]);
  expect(statement).toContain(
    '[{"page":1,"first":0,"records":10},{"page":2,"first":10,"records":10,"again":true}]',
  );
});
