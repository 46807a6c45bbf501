import { expect, test } from "vitest";

import { Budget } from "../../src/commit/budget.ts";
import { MicrobatchBuffer, type MicrobatchEnd } from "../../src/commit/microbatch-buffer.ts";
import { SharedBuffer } from "../../src/commit/shared-buffer.ts";

function shared(budget = new Budget(1)) {
  const giveUp = new AbortController();
  const buffer = new MicrobatchBuffer<string, MicrobatchEnd>({ rows: 1, bytes: 1 });
  return { buffer: new SharedBuffer(buffer, budget, giveUp.signal), giveUp };
}

test("whoever waits for something looks again at each change, until it is so", async () => {
  const { buffer } = shared();
  const three = buffer.until(() => buffer.view.microbatches.length === 3);
  for (let each = 1; each <= 3; each++) {
    await new Promise((resolve) => setImmediate(resolve));
    buffer.change((held) => held.open(null));
  }
  await three;
});

test("all who wait are woken by a change, even by one that fails", async () => {
  const { buffer } = shared();
  const waiting = [1, 2].map(() => buffer.until(() => buffer.view.microbatches.length === 1));
  expect(() =>
    buffer.change((held) => {
      held.open(null);
      throw new Error("out of memory");
    }),
  ).toThrow("out of memory");
  await Promise.all(waiting);
});

test("the budget knows what is held after each change", () => {
  const budget = new Budget(2);
  const { buffer } = shared(budget);
  buffer.change((held) => held.open(null));
  buffer.change((held) => held.reserve(2));
  expect(budget.isExhausted).toBe(true);
  buffer.change((held) => held.drop());
  expect(budget.isExhausted).toBe(false);
});

test("nobody waits any longer than until it is given up, and hears why", async () => {
  const { buffer, giveUp } = shared();
  const waiting = buffer.until(() => false);
  giveUp.abort(new Error("shut down"));
  await expect(waiting).rejects.toThrow("shut down");
  await expect(buffer.until(() => true)).rejects.toThrow("shut down");
});
