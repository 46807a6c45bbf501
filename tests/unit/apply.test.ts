import { expect, test } from "vitest";

import { Apply } from "../../src/apply.ts";
import { Budget } from "../../src/budget.ts";
import { COMMIT_LIMITS, STREAM_BYTES } from "../../src/model/limits.ts";
import { Permits } from "../../src/permits.ts";

test("a row as large as all that a stream may hold is written although its microbatch goes on", async () => {
  const written: number[] = [];
  await using apply = new Apply({
    checkpoint: null,
    open: async () => ({
      async write(chunk) {
        written.push(chunk.length);
        return null;
      },
      async commit() {},
    }),
    limits: COMMIT_LIMITS,
    permits: new Permits(1),
    budget: new Budget(STREAM_BYTES),
    onCommitted: () => {},
    onFailed: () => {},
  });
  apply.openMicrobatch("mainnet", null);
  apply.reserve(STREAM_BYTES);
  await apply.room();
  expect(written).toEqual([STREAM_BYTES]);
}, 10_000);
