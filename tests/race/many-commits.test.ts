// Takes 6 s.
import { expect, test } from "vitest";

import { sharedDatabase } from "../support/postgres/shared-database.ts";
import { SqlStream } from "../support/postgres/sql-stream.ts";

const db = sharedDatabase();

async function beat({ id, epoch }: SqlStream): Promise<void> {
  await db.query("select ampsync_worker.renew_leases('worker-1', $1)", [
    JSON.stringify([{ stream_id: id, epoch }]),
  ]);
}

/** Everything that could grow with the number of commits, but for the rows of targets. */
async function footprint() {
  const { rows: catalogue } = await db.query(
    `select (select count(*)::int from pg_class) as classes, (select count(*)::int from pg_attribute) as attributes,
            (select count(*)::int from pg_depend) as dependencies, (select count(*)::int from pg_type) as types`,
  );
  const { rows: state } = await db.query(
    `select c.relname as name, pg_table_size(c.oid)::int + pg_indexes_size(c.oid)::int as bytes
       from pg_class c
      where c.relnamespace = 'ampsync_private'::regnamespace and c.relkind = 'r'
      order by 1`,
  );
  return {
    catalogue: catalogue[0],
    state: new Map(state.map((row) => [String(row["name"]), Number(row["bytes"])])),
  };
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
  let before = await footprint();
  // While autovacuum analyzes a table, old versions stay. Those that nobody can see make room for the next ones: of a few
  // rounds one takes no more space.
  let grown: readonly string[] = [];
  for (let round = 1; round <= 10; round++) {
    await commits(200 + 200 * round, 399 + 200 * round);
    const after = await footprint();
    expect(after.catalogue).toEqual(before.catalogue);
    grown = [...after.state].flatMap(([name, bytes]) => {
      const more = bytes - (before.state.get(name) ?? 0);
      return more > 64 * 1024 ? [`${name}: ${more} bytes`] : [];
    });
    if (round >= 3 && grown.length === 0) break;
    before = after;
  }
  expect(grown).toEqual([]);
  expect((await stream.history()).length).toBeLessThan(200);
});
