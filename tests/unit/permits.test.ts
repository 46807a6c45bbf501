import { expect, test } from "vitest";

import { Permits } from "../../src/permits.ts";

test("no more holders than permits are in at once, and they come in as they asked", async () => {
  const permits = new Permits(2);
  const entered: number[] = [];
  let inside = 0;
  let most = 0;

  await Promise.all(
    [1, 2, 3, 4, 5].map(async (visitor) => {
      using _permit = await permits.take();
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
    using _permit = await permits.take();
  }
  let second: Disposable | null = null;
  const first = await permits.take();
  const waiting = permits.take().then((permit) => {
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
    using _permit = await permits.take();
    throw new Error("broken");
  };
  await expect(failing()).rejects.toThrow("broken");
  await expect(permits.take()).resolves.toBeDefined();
});
