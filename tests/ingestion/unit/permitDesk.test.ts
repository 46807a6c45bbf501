import { setImmediate as turn } from "node:timers/promises";

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import type { Granted, SeenAnswer } from "../../../src/db/ingest-calls.ts";
import { type Permit, PermitDesk } from "../../../src/ingest/permit-desk.ts";
import { waitFor } from "../../support/wait-for.ts";

interface Call {
  readonly want: number;
  readonly seen: readonly SeenAnswer[];
}

/** A desk whose database a test plays. */
class Rig implements AsyncDisposable {
  readonly calls: Call[] = [];
  readonly waits: (string | null)[] = [];
  readonly troubles: unknown[] = [];
  readonly stop = new AbortController();
  readonly desk: PermitDesk;
  /** How many requests may be under way. */
  slots = 10;
  /** What the database answers, one call after another; afterwards it grants all. */
  answers: (Partial<Granted> | Error | (() => Promise<Partial<Granted>>))[] = [];

  constructor(
    limits: { readonly waitMs?: number; readonly troubleMs?: number; readonly lastMs?: number } = {},
  ) {
    this.desk = new PermitDesk({
      bucket: "b",
      streamId: 1n,
      calls: {
        takePermits: async (_, want, seen) => {
          this.calls.push({ want, seen });
          const next = this.answers.shift() ?? { granted: want };
          const answer = typeof next === "function" ? await next() : next;
          if (answer instanceof Error) throw answer;
          return { granted: 0, grantedAt: `at ${this.calls.length}`, waitMs: 0, ...answer };
        },
      },
      room: (underWay) => this.slots - underWay,
      changed: () => new Promise(() => {}),
      stop: this.stop.signal,
      onWaits: (what) => this.waits.push(what),
      onTrouble: async (error) => void this.troubles.push(error),
      limits,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop.abort();
    await this.desk[Symbol.asyncDispose]();
  }
}

const FINE = { status: 200, limited: false, retryAfterS: null, told: [] };

async function take(rig: Rig): Promise<Permit> {
  const permit = await rig.desk.take();
  if (permit === null) throw new Error("no permit");
  return permit;
}

describe("permits", () => {
  test("are asked for together, as many as can be made use of", async () => {
    await using rig = new Rig();
    rig.slots = 3;
    const taken = [1, 2, 3, 4].map(() => rig.desk.take());
    await Promise.all(taken.slice(0, 3));
    expect(rig.calls.map(({ want }) => want)).toEqual([3]);
    rig.desk.heard((await taken[0])!, FINE);
    expect(await taken[3]).not.toBeNull();
    expect(rig.calls.map(({ want }) => want)).toEqual([3, 1]);
  });

  test("are given in the order in which they were asked for", async () => {
    await using rig = new Rig();
    rig.answers = [{ granted: 1 }, { granted: 1 }, { granted: 1 }];
    const order: number[] = [];
    await Promise.all([1, 2, 3].map((n) => rig.desk.take().then(() => order.push(n))));
    expect(order).toEqual([1, 2, 3]);
  });

  test("are told with the next call what became of them, once, and how long ago", async () => {
    await using rig = new Rig();
    const permit = await take(rig);
    const told = [{ window: 60, limit: 100, remaining: 99, reset: 30 }];
    rig.desk.heard(permit, { status: 200, limited: false, retryAfterS: null, told });
    rig.desk.unused(await take(rig));
    rig.desk.heard(await take(rig), { status: null, limited: false, retryAfterS: null, told: [] });
    await take(rig);
    expect(rig.calls.map(({ seen }) => seen)).toEqual([
      [],
      [{ granted_at: "at 1", age: expect.any(Number), status: 200, told }],
      [{ granted_at: "at 2", age: expect.any(Number), unused: true }],
      [{ granted_at: "at 3", age: expect.any(Number), told: [] }],
    ]);
  });

  test("are told at once where an answer says that the limit is used up", async () => {
    await using rig = new Rig();
    const permit = await take(rig);
    rig.desk.heard(permit, { status: 429, limited: true, retryAfterS: 7, told: [] });
    await waitFor("the call", async () => rig.calls.length === 2);
    expect(rig.calls[1]).toEqual({
      want: 0,
      seen: [
        { granted_at: "at 1", age: expect.any(Number), status: 429, limited: true, retry_after: 7, told: [] },
      ],
    });
  });

  test("that nobody needs any more are handed back, and what is left to tell is told at the end", async () => {
    const rig = new Rig();
    const permit = await take(rig);
    const other = rig.desk.take();
    rig.stop.abort();
    expect(await other).toBeNull();
    expect(await rig.desk.take()).toBeNull();
    rig.desk.heard(permit, FINE);
    await rig.desk[Symbol.asyncDispose]();
    const told = rig.calls.flatMap(({ seen }) => seen);
    expect(told.filter(({ unused }) => !unused).map(({ status }) => status)).toEqual([200]);
  });
});

describe("a pass that ends while the database is asked", () => {
  test("does not wait for the limit that the answer tells", async () => {
    const rig = new Rig();
    const answer = Promise.withResolvers<Partial<Granted>>();
    rig.answers = [() => answer.promise];
    const taken = rig.desk.take();
    await waitFor("the call", () => rig.calls.length === 1);
    rig.stop.abort();
    answer.resolve({ granted: 0, waitMs: 3_600_000 });
    expect(await taken).toBeNull();
    await rig.desk[Symbol.asyncDispose]();
  });

  test("hands back what is granted", async () => {
    const rig = new Rig();
    const answer = Promise.withResolvers<Partial<Granted>>();
    rig.answers = [() => answer.promise];
    const taken = rig.desk.take();
    await waitFor("the call", () => rig.calls.length === 1);
    rig.stop.abort();
    answer.resolve({ granted: 1 });
    expect(await taken).toBeNull();
    await rig.desk[Symbol.asyncDispose]();
    expect(rig.calls[1]).toMatchObject({ want: 0, seen: [{ granted_at: "at 1", unused: true }] });
  });

  test("leaves where no answer comes, and asks no more", async () => {
    const rig = new Rig({ lastMs: 10 });
    const permit = await take(rig);
    rig.answers = [() => new Promise(() => {})];
    const taken = rig.desk.take();
    await waitFor("the call", () => rig.calls.length === 2);
    rig.desk.heard(permit, FINE);
    rig.stop.abort();
    expect(await taken).toBeNull();
    await rig.desk[Symbol.asyncDispose]();
    expect(rig.calls).toHaveLength(2);
  });

  test("tells what came of requests that were answered after that", async () => {
    const rig = new Rig({ lastMs: 1_000 });
    const permit = await take(rig);
    rig.stop.abort();
    rig.desk.heard(permit, FINE);
    await rig.desk[Symbol.asyncDispose]();
    expect(rig.calls[1]).toMatchObject({ want: 0, seen: [{ granted_at: "at 1", status: 200 }] });
  });
});

describe("a pass that has been told to end for longer than it waits for the database", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
  afterEach(() => void vi.useRealTimers());

  test.each<[string, (desk: PermitDesk, permit: Permit) => void, object]>([
    ["an answer", (desk, permit) => desk.heard(permit, FINE), { status: 200 }],
    [
      "that the limit is used up",
      (desk, permit) => desk.heard(permit, { status: 429, limited: true, retryAfterS: 7, told: [] }),
      { status: 429, limited: true, retry_after: 7 },
    ],
    ["that nothing was sent", (desk, permit) => desk.unused(permit), { unused: true }],
  ])("tells %s all the same", async (_, say, told) => {
    const rig = new Rig();
    const permit = await take(rig);
    rig.stop.abort();
    vi.advanceTimersByTime(60_000);
    say(rig.desk, permit);
    await rig.desk[Symbol.asyncDispose]();
    expect(rig.calls[1]).toMatchObject({ want: 0, seen: [{ granted_at: "at 1", ...told }] });
  });

  test("tells a limit once more where the call that told it failed", async () => {
    const rig = new Rig();
    const permit = await take(rig);
    const failing = Promise.withResolvers<Partial<Granted>>();
    rig.answers = [() => failing.promise];
    rig.desk.heard(permit, { status: 429, limited: true, retryAfterS: 7, told: [] });
    await turn(); // The call is under way.
    expect(rig.calls).toHaveLength(2);
    rig.stop.abort();
    failing.reject(Object.assign(new Error("connection lost"), { code: "08006" }));
    await rig.desk[Symbol.asyncDispose]();
    expect(rig.calls[2]?.seen).toMatchObject([{ granted_at: "at 1", limited: true }]);
  });
});

const START = Date.UTC(2026, 0, 1);

/** The database answers after so many milliseconds, of which it works half. */
function answered(ms: number, { clockMs = 0, granted = 1 } = {}): () => Promise<Partial<Granted>> {
  return async () => {
    vi.advanceTimersByTime(ms);
    return { granted, grantedAt: new Date(Date.now() + clockMs - ms / 2).toISOString() };
  };
}

describe("a permit that came late goes back", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["Date", "performance"], now: START }));
  afterEach(() => void vi.useRealTimers());

  test.each<[string, readonly number[], readonly boolean[]]>([
    ["after 100 ms", [100, 101], [false, true]],
    ["but where the next one is as late, it is used", [150, 150, 200], [true, false, false]],
    ["until one has come in time", [150, 150, 20, 150], [true, false, false, true]],
    [
      "but not for ever, however long the database takes",
      [6_000, 6_000, 6_000, 6_000, 6_000, 6_000, 6_000],
      [true, true, true, true, true, true, false],
    ],
    ["after a standstill of this process, however often", Array(9).fill(60_000), Array(9).fill(true)],
  ])("%s", async (_, ages, late) => {
    await using rig = new Rig();
    rig.answers = ages.map(() => answered(10));
    const found: boolean[] = [];
    for (const age of ages) {
      const permit = await take(rig);
      vi.advanceTimersByTime(age);
      found.push(rig.desk.isLate(permit));
      rig.desk.unused(permit);
    }
    expect(found).toEqual(late);
  });

  test("with all others of its grant, which count as one", async () => {
    await using rig = new Rig();
    rig.answers = [answered(10, { granted: 3 }), answered(10)];
    const permits = await Promise.all([take(rig), take(rig), take(rig)]);
    vi.advanceTimersByTime(250);
    expect(permits.map((permit) => rig.desk.isLate(permit))).toEqual([true, true, true]);
    for (const permit of permits) rig.desk.unused(permit);
    const next = await take(rig);
    vi.advanceTimersByTime(250);
    expect(rig.desk.isLate(next)).toBe(true);
  });
});

describe("a permit is as old as its grant", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["Date", "performance"], now: START }));
  afterEach(() => void vi.useRealTimers());

  test.each<[string, number, number, number]>([
    ["where its answer came as fast as any", 10, 0, 0],
    ["where its answer waited", 400, 0, 195],
    ["and not older than the question, where the clock of the database was set back", 40, -3_600_000, 40],
    ["also where the clock of the database was set forward", 40, 3_600_000, 0],
  ])("%s", async (_, ms, clockMs, age) => {
    await using rig = new Rig();
    rig.answers = [answered(10), answered(ms, { clockMs })];
    await take(rig);
    const { at } = await take(rig);
    expect(performance.now() - at).toBe(age);
  });
});

describe("a limit", () => {
  test("is waited for, and shown while nothing is under way", async () => {
    await using rig = new Rig();
    rig.answers = [{ waitMs: 50 }];
    const since = performance.now();
    await take(rig);
    expect(performance.now() - since).toBeGreaterThanOrEqual(49);
    expect(rig.waits).toContain("limit");
    expect(rig.waits.at(-1)).toBe("server");
    expect(rig.desk.limitedMs).toBeNull();
  });

  test("is asked about again when another answer came", async () => {
    await using rig = new Rig();
    const first = await take(rig);
    rig.answers = [{ waitMs: 50_000 }];
    const second = rig.desk.take();
    await waitFor("the wait", async () => rig.calls.length === 2);
    rig.desk.heard(first, FINE);
    expect(await second).not.toBeNull();
  });

  test("that lasts longer than a pass waits ends it, with the time that is left", async () => {
    await using rig = new Rig({ waitMs: 1_000, troubleMs: 1_000 });
    rig.answers = [{ waitMs: 5_000 }];
    expect(await rig.desk.take()).toBeNull();
    expect(await rig.desk.take()).toBeNull();
    expect(rig.desk.limitedMs).toBeGreaterThan(4_000);
  });

  test.each([
    [60_000, "waited for in the pass"],
    [60_001, "the end of the pass"],
  ])("H52 of %i ms is %s", async (waitMs, becomes) => {
    await using rig = new Rig();
    rig.answers = [{ waitMs }];
    const taken = rig.desk.take();
    await waitFor("the wait", () => rig.desk.limitedMs !== null);
    if (becomes === "the end of the pass") expect(await taken).toBeNull();
    expect(rig.stop.signal.aborted).toBe(false);
    expect(rig.waits.includes("limit")).toBe(becomes !== "the end of the pass");
  });

  test("is known to a pass that must end while it waits for it", async () => {
    await using rig = new Rig();
    rig.answers = [{ waitMs: 50_000 }];
    const taken = rig.desk.take();
    await waitFor("the wait", async () => rig.desk.limitedMs !== null);
    rig.stop.abort();
    expect(await taken).toBeNull();
    expect(rig.desk.limitedMs).toBeGreaterThan(49_000);
  });
});

describe("a database that cannot be asked", () => {
  const lost = () => Object.assign(new Error("connection lost"), { code: "08006" });

  test("gives no permit, is asked again, and is not told twice but of a limit", async () => {
    await using rig = new Rig();
    const [first, second] = [await take(rig), await take(rig)];
    rig.desk.heard(first, FINE);
    rig.answers = [lost()];
    rig.desk.heard(second, { status: 429, limited: true, retryAfterS: null, told: [] });
    await waitFor("two calls", async () => rig.calls.length === 4);
    expect(rig.calls.slice(2).map(({ seen }) => seen.map(({ status }) => status))).toEqual([
      [200, 429],
      [429],
    ]);
    expect(rig.troubles).toEqual([lost()]);
  });

  test("ends the pass when it is too long", async () => {
    await using rig = new Rig({ waitMs: 60_000, troubleMs: 0 });
    rig.answers = [lost()];
    await expect(rig.desk.take()).rejects.toThrow("connection lost");
    await expect(rig.desk.take()).rejects.toThrow("connection lost");
  });

  test("that says what is wrong is not asked again", async () => {
    await using rig = new Rig();
    rig.answers = [Object.assign(new Error("no such function"), { code: "42883" })];
    await expect(rig.desk.take()).rejects.toThrow("no such function");
    expect(rig.calls).toHaveLength(1);
  });
});
