import { expect, test } from "vitest";

import { Permits } from "../../src/model/permits.ts";

const NEVER = new AbortController().signal;

test("no more holders than permits are in at once, and they come in as they asked", async () => {
  const permits = new Permits(2);
  const entered: number[] = [];
  let inside = 0;
  let most = 0;

  await Promise.all(
    [1, 2, 3, 4, 5].map(async (visitor) => {
      using _permit = await permits.take(NEVER);
      entered.push(visitor);
      inside += 1;
      most = Math.max(most, inside);
      await Promise.resolve();
      inside -= 1;
    }),
  );

  expect(entered).toEqual([1, 2, 3, 4, 5]);
  expect(most).toBe(2);
});

test("a permit that was given back can be taken again", async () => {
  const permits = new Permits(1);
  for (let round = 0; round < 3; round++) {
    using _permit = await permits.take(NEVER);
  }
  let second: Disposable | null = null;
  const first = await permits.take(NEVER);
  const waiting = permits.take(NEVER).then((permit) => {
    second = permit;
  });
  await Promise.resolve();
  expect(second).toBeNull();
  first[Symbol.dispose]();
  await waiting;
  expect(second).not.toBeNull();
});

test("a holder that fails gives its permit back", async () => {
  const permits = new Permits(1);
  const failing = async () => {
    using _permit = await permits.take(NEVER);
    throw new Error("broken");
  };
  await expect(failing()).rejects.toThrow("broken");
  await expect(permits.take(NEVER)).resolves.toBeDefined();
});

test("a waiter that is aborted leaves the queue, and those behind it move up", async () => {
  const permits = new Permits(1);
  const first = await permits.take(NEVER);
  const waiting = new AbortController();
  const away = permits.take(waiting.signal);
  const behind = permits.take(NEVER);
  waiting.abort(new Error("aborted"));
  await expect(away).rejects.toThrow("aborted");
  first[Symbol.dispose]();
  await expect(behind).resolves.toBeDefined();
});

test("a waiter that is aborted as its turn comes takes no permit with it", async () => {
  const permits = new Permits(1);
  await expect(permits.take(AbortSignal.abort(new Error("aborted")))).rejects.toThrow("aborted");

  const first = await permits.take(NEVER);
  const waiting = new AbortController();
  const second = permits.take(waiting.signal);
  first[Symbol.dispose]();
  waiting.abort(); // It has its permit already.
  (await second)[Symbol.dispose]();
  await expect(permits.take(NEVER)).resolves.toBeDefined();
});
