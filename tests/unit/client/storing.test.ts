import { expect, test } from "vitest";

import type { Database } from "../../../src/client/database.ts";
import { Storing } from "../../../src/client/storing.ts";

test("a write that somebody waits for is stored at once, whatever was stored just before", async () => {
  let stored = 0;
  const pg = {
    runExclusive: (step: () => Promise<void>) => step(),
    syncToFs: async () => void stored++,
  } as unknown as Database;
  const storing = new Storing(pg, 3_600_000);
  await storing.now();
  const soon = storing.soon();
  await Promise.all([storing.now(), soon]);
  await storing.now();

  expect(stored).toBe(3);
});
