import { expect, test } from "vitest";

import { Budget } from "../../src/commit/budget.ts";

test("a budget is exhausted from its limit on, until enough is given back", () => {
  const budget = new Budget(10);
  budget.take(9);
  expect(budget.isExhausted).toBe(false);
  budget.take(1);
  expect(budget.isExhausted).toBe(true);
  budget.give(1);
  expect(budget.isExhausted).toBe(false);
});

test("whoever gives something back wakes all who wait, each time", async () => {
  const budget = new Budget(10);
  budget.take(10);
  for (let time = 1; time <= 2; time++) {
    const woken = Promise.all([budget.freed, budget.freed]);
    budget.give(1);
    await woken;
  }
  const waiting = budget.freed.then(() => "woken");
  budget.take(1);
  expect(await Promise.race([waiting, new Promise((resolve) => setImmediate(resolve, "waits"))])).toBe(
    "waits",
  );
});
