import { expect, test } from "vitest";

import type { Store } from "../../../src/client/store.ts";
import { StoreHealth } from "../../../src/client/store-health.ts";
import { Turns } from "../../../src/client/turns.ts";

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
    reopen: async () => void reopened++,
  } as unknown as Store;
  const turns = new Turns();
  const health = new StoreHealth({ store, turns, shown: () => {}, recovered: () => {} });
  health.failed(new Error("unreachable"));
  await turns.take(() => health.close(async () => {}));

  expect(reopened).toBe(opened);
  expect(health.isWell).toBe(false);
});
