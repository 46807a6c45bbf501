// Takes 11 s.
import { expect, test } from "vitest";

import { footprint, grown, untilNobodyLooks } from "../support/postgres/footprint.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";
import { SqlStream } from "../support/postgres/sql-stream.ts";

const db = sharedDatabase();

async function beat({ id, epoch }: SqlStream): Promise<void> {
  await db.query("select ampsync_worker.renew_leases('worker-1', $1)", [
    JSON.stringify([{ stream_id: id, epoch }]),
  ]);
}

test("N50 1,000 microbatches leave nothing behind but rows: no catalogue entry, no dead state that stays", async () => {
  const stream = await SqlStream.prepare(db);
  const commits = async (first: number, last: number) => {
    for (let block = first; block <= last; block++) {
      if (block % 100 === 0) await beat(stream);
      await stream.commit(block, block);
    }
  };
  await commits(0, 399);
  await db.query("vacuum ampsync_private.history, ampsync_private.ledger"); // As autovacuum does, every 2,000.
  let before = await footprint(db);
  // While autovacuum analyzes a table, old versions stay. Those that nobody can see make room for the next ones: of a few
  // rounds one takes no more space.
  let more: readonly string[] = [];
  for (let round = 1; round <= 30; round++) {
    await untilNobodyLooks(db);
    await commits(200 + 200 * round, 399 + 200 * round);
    const after = await footprint(db);
    expect(after.catalogue).toEqual(before.catalogue);
    more = grown(before, after);
    if (round >= 3 && more.length === 0) break;
    before = after;
  }
  expect(more).toEqual([]);
  expect((await stream.history()).length).toBeLessThan(200);
});
