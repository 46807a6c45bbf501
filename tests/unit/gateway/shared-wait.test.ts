import { expect, test } from "vitest";

import { SharedWait } from "../../../src/gateway/shared-wait.ts";

test("whoever asks gets a run that began later; those who ask meanwhile share the next one", async () => {
  const runs: PromiseWithResolvers<number>[] = [];
  const wait = new SharedWait(() => {
    const run = Promise.withResolvers<number>();
    runs.push(run);
    return run.promise;
  });
  const first = wait.ask();
  await Promise.resolve();
  const others = [wait.ask(), wait.ask()];
  runs[0]!.resolve(1);
  expect(await first).toBe(1);
  await Promise.resolve();
  runs[1]!.resolve(2);
  expect(await Promise.all(others)).toEqual([2, 2]);
  expect(runs).toHaveLength(2);
});

test("a run that fails fails those who share it, and nobody else", async () => {
  let runs = 0;
  const wait = new SharedWait(async () => {
    runs += 1;
    if (runs === 1) throw new Error("stalled");
    return runs;
  });
  const first = wait.ask();
  await expect(first).rejects.toThrow("stalled");
  expect(await wait.ask()).toBe(2);
});
