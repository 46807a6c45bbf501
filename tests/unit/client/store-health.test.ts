import { afterEach, expect, test, vi } from "vitest";

import type { Store } from "../../../src/client/store.ts";
import { StoreHealth } from "../../../src/client/store-health.ts";
import { Turns } from "../../../src/client/turns.ts";

afterEach(() => void vi.useRealTimers());

test.each([
  { what: "answers, and cannot store", answers: true, opened: 0 },
  { what: "has stopped", answers: false, opened: 1 },
])("a database on IndexedDB that $what is opened again $opened times", async ({ answers, opened }) => {
  let reopened = 0;
  const store = {
    kind: "idb",
    beginning: "ok",
    pg: {
      async transaction() {
        if (!answers && reopened === 0) throw new Error("unreachable");
      },
      async runExclusive() {
        throw new Error("QuotaExceededError");
      },
      async close() {},
    },
    holdWrites: () => {},
    reopen: async () => void reopened++,
  } as unknown as Store;
  const turns = new Turns();
  const health = new StoreHealth({ store, turns, shown: () => {}, recovered: () => {} });
  health.failed(new Error("unreachable"));
  await turns.take(() => health.close(async () => {}));

  expect(reopened).toBe(opened);
  expect(health.isWell).toBe(false);
});

test("a store that is full is only read, is tried again each minute, and takes frames once it stores", async () => {
  vi.useFakeTimers();
  const held: boolean[] = [];
  let tries = 0;
  const store = {
    kind: "idb",
    beginning: "ok",
    pg: {
      async transaction() {},
      async runExclusive() {
        if (++tries < 3) throw new Error("QuotaExceededError");
      },
      async close() {},
    },
    holdWrites: (isHeld: boolean) => void held.push(isHeld),
  } as unknown as Store;
  let recovered = 0;
  const health = new StoreHealth({
    store,
    turns: new Turns(),
    shown: () => {},
    recovered: () => void recovered++,
  });
  health.failed(new Error("QuotaExceededError"));
  await vi.advanceTimersByTimeAsync(130_000);
  expect({ tries, isWell: health.isWell, recovered, held }).toEqual({
    ...{ tries: 2, isWell: false, recovered: 0 },
    held: [true],
  });
  expect(health.status).toBe("storage_full");
  await vi.advanceTimersByTimeAsync(60_000);
  expect({ isWell: health.isWell, recovered, held }).toEqual({
    ...{ isWell: true, recovered: 1 },
    held: [true, false],
  });
  await vi.advanceTimersByTimeAsync(300_000);
  expect(tries).toBe(3);
});
