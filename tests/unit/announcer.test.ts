import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { Announcer } from "../../src/commit/announcer.ts";
import type { Announcement } from "../../src/db/stream-calls.ts";
import { createLog } from "../../src/log.ts";

/** All that was sent, and in how many calls. */
let sent: Announcement[];
let calls: number;
let answer: () => Promise<boolean>;
let logged: string[];
let announcer: Announcer;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  [sent, calls, logged] = [[], 0, []];
  answer = async () => true;
  announcer = new Announcer(
    (announcements) => {
      sent.push(...announcements);
      calls += 1;
      return answer();
    },
    createLog("warn", (line) => logged.push(line)),
  );
});
afterEach(async () => {
  await announcer.stop();
  vi.useRealTimers();
});

function commit(streamId: bigint, block: bigint, replaced: bigint | null = null): void {
  announcer.committed({ streamId, block, replaced });
}

test("the first commit is told at once, the others of all streams together, in 20 calls a second at most", async () => {
  for (let stream = 1n; stream <= 30n; stream++) {
    commit(stream, 7n);
  }
  await vi.advanceTimersByTimeAsync(0);
  expect(sent).toEqual([{ streamId: 1n, block: 7n, replaced: null }]);
  await vi.advanceTimersByTimeAsync(50);
  expect(calls).toBe(2);
  expect(sent.map(({ streamId }) => streamId)).toEqual(Array.from({ length: 30 }, (_, n) => BigInt(n + 1)));
  for (let ms = 0; ms < 1_000; ms++) {
    commit(1n, BigInt(ms));
    await vi.advanceTimersByTimeAsync(1);
  }
  expect(calls).toBe(22);
});

test("commits that wait become one: the last block, and the lowest that was replaced", async () => {
  commit(1n, 1n);
  commit(2n, 5n);
  commit(2n, 9n, 4n);
  commit(2n, 8n, 6n);
  commit(2n, 10n);
  await vi.advanceTimersByTimeAsync(200);
  expect(sent.slice(1)).toEqual([{ streamId: 2n, block: 10n, replaced: 4n }]);
});

test("one that would have to wait is sent later, together with what was committed meanwhile", async () => {
  answer = async () => false;
  commit(1n, 5n, 3n);
  await vi.advanceTimersByTimeAsync(0);
  commit(1n, 6n);
  answer = async () => true;
  await vi.advanceTimersByTimeAsync(200);
  expect(sent).toEqual([
    { streamId: 1n, block: 5n, replaced: 3n },
    { streamId: 1n, block: 6n, replaced: 3n },
  ]);
});

test("one that fails is dropped and logged, the next one is sent, and failures in a row are logged once", async () => {
  const fails = () => Promise.reject(new Error("too many notifications"));
  const answers = [fails, fails, async () => true, fails];
  for (const [block, each] of answers.entries()) {
    answer = each;
    commit(1n, BigInt(block));
    await vi.advanceTimersByTimeAsync(200);
  }
  expect(sent.map(({ block }) => block)).toEqual([0n, 1n, 2n, 3n]);
  expect(logged).toEqual(Array(2).fill(expect.stringContaining("too many notifications")));
});

test("a commit at any moment around the end of the pause after the last one is told", async () => {
  for (let turns = 0; turns < 10; turns++) {
    sent = [];
    commit(1n, 1n);
    await vi.advanceTimersByTimeAsync(49);
    vi.advanceTimersByTime(1);
    for (let turn = 0; turn < turns; turn++) {
      await Promise.resolve();
    }
    commit(1n, 2n);
    await vi.advanceTimersByTimeAsync(200);
    expect(sent.map(({ block }) => block)).toEqual([1n, 2n]);
  }
});

test("after stop, which waits for the one under way, none is sent", async () => {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  answer = () => promise;
  commit(1n, 5n);
  commit(2n, 5n);
  let isStopped = false;
  const stopped = announcer.stop().then(() => {
    isStopped = true;
  });
  await vi.advanceTimersByTimeAsync(1_000);
  expect(isStopped).toBe(false);
  resolve(true);
  await stopped;
  commit(3n, 5n);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(sent).toHaveLength(1);
});
