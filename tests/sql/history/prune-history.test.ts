import { describe, expect, test } from "vitest";

import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { SqlStream, watermark } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

describe("the history", () => {
  async function pruned(entries: readonly [number, number][]): Promise<string[]> {
    const stream = await SqlStream.prepare(db);
    const watermarks = entries.map(([start, end]) => watermark(start, end));
    await stream.beginApply();
    await stream.commitApply(watermarks.slice(0, -1), 0);
    await stream.commitApply(watermarks.slice(-1), 0);
    return stream.history();
  }

  /** Watermarks of the given length, back to back, the last of which ends at `end`. */
  function even(count: number, length: number): [number, number][] {
    return Array.from({ length: count }, (_, i) => [i * length, (i + 1) * length - 1]);
  }

  test("always keeps the newest 16 entries, however far they reach", async () => {
    const history = await pruned(even(18, 1000));
    expect(history).toHaveLength(16);
    expect(history[0]).toBe("2000-2999");
  });

  test("keeps every entry that ends within retention before the start of the newest (state store, prune)", async () => {
    // 200 single blocks: the newest is 199, so 199 - 128 = 71 is the oldest that stays.
    const history = await pruned(even(200, 1));
    expect(history[0]).toBe("71-71");
    expect(history).toHaveLength(129);
  });

  test("counts retention from the start of the newest entry, not from its end", async () => {
    // 300 single blocks, then one of 100 that starts at 300: what ends at 172 and above stays, not only from 271 on.
    const history = await pruned([...even(300, 1), [300, 399]]);
    expect(history[0]).toBe("172-172");
    expect(history).toHaveLength(129);
  });

  test("goes by the retention of the dataset", async () => {
    await db.query("select ampsync.enqueue_sync('chain', retention_blocks => 64)");
    const history = await pruned(even(200, 1));
    expect(history[0]).toBe("135-135");
  });

  test("of one stream is not pruned by another (state store, two streams)", async () => {
    const first = await SqlStream.prepare(db, { dataset: "other" });
    await first.beginApply();
    await first.commitApply([watermark(0, 0)], 0);
    await pruned(even(200, 1));
    expect(await first.history()).toEqual(["0-0"]);
  });
});
