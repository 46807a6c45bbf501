import { beforeEach, describe, expect, test } from "vitest";

import { record, records, SqlSource } from "../../support/http/sql-source.ts";
import { letTimePass } from "../../support/postgres/clock.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";

const MIB = 1024 * 1024;

/** What the index of long values takes in an empty table. */
const EMPTY_BYTES = 16 * 1024;

const db = sharedDatabase();
let source: SqlSource;
let sources = 0;

beforeEach(async () => {
  source = await SqlSource.prepare(db, { name: `events_${++sources}` });
});

/** How large staging is, whatever it holds, and whether somebody can see records in it. */
async function staged() {
  const { rows } = await db.query<{ bytes: number; records: number }>(
    `select pg_total_relation_size($1)::int as bytes, (select count(*)::int from ${source.staging}) as records`,
    [source.staging],
  );
  return rows[0]!;
}

/** The staging tables that there are. */
async function tables(): Promise<string[]> {
  const { rows } = await db.query(
    "select staging::text from ampsync_private.staging_tables($1) order by number",
    [source.id],
  );
  return rows.map((row) => row["staging"]);
}

/** Somebody with a snapshot and locks on all tables, as pg_dump has them. */
async function dump() {
  const client = await db.client();
  await client.query("begin isolation level repeatable read");
  await client.query(
    `lock table ${source.staging}, public.${source.name}, ampsync_private.part in access share mode`,
  );
  await client.query(`select count(*) from public.${source.name}`);
  return client;
}

describe("staging", () => {
  test("is a table of its own that is not logged, and that vacuum leaves alone", async () => {
    const { rows } = await db.query(
      "select relpersistence, reloptions from pg_class where oid = $1::regclass",
      [source.staging],
    );
    expect(rows).toEqual([{ relpersistence: "u", reloptions: ["autovacuum_enabled=off"] }]);
    expect(source.staging).toBe(`ampsync_private.page_${source.id}_1`);
  });

  test("is empty after a commit, and after a transaction that was rolled back", async () => {
    await source.commit([{ records: records(1, 5) }]);
    expect(await staged()).toMatchObject({ records: 0 });
    await db.query("begin");
    await source.beginApply();
    await source.stage(records(6, 9));
    await db.query("rollback");
    expect(await staged()).toMatchObject({ records: 0 });
    await source.commit([{ records: records(6, 9) }]);
    expect(await source.counts()).toMatchObject({ rows: 9 });
  });

  test("is dropped with its source", async () => {
    await db.query("select * from ampsync.drop_sync($1)", [source.name]);
    expect(await tables()).toEqual([]);
  });
});

describe("somebody who holds a snapshot and reads staging and target", () => {
  test("keeps no commit from going on; TRUNCATE is tried once in 30 s", async () => {
    await source.commit([{ records: records(1, 10) }]);
    const reader = await dump();
    for (let n = 2; n < 22; n++) {
      const from = performance.now();
      await source.commit([{ records: records(n * 10, n * 10 + 9) }]);
      expect(performance.now() - from).toBeLessThan(20_000); // A guard: it would wait as long as the reader reads.
    }
    expect(await source.counts()).toMatchObject({ records: 210, rows: 210 });
    expect(await staged()).toEqual({ bytes: expect.any(Number), records: 0 });
    expect((await staged()).bytes).toBeGreaterThan(EMPTY_BYTES);
    const { rows } = await db.query(
      "select truncate_at > ampsync_private.now() as waits from ampsync_private.stream where stream_id = $1",
      [source.id],
    );
    expect(rows).toEqual([{ waits: true }]);

    await reader.query("commit");
    await source.commit([{ records: records(1000, 1001) }]);
    expect((await staged()).bytes).toBeGreaterThan(EMPTY_BYTES);
    await letTimePass(db, "31 s");
    await source.commit([{ records: records(1002, 1003) }]);
    expect((await staged()).bytes).toBeLessThanOrEqual(EMPTY_BYTES);
    expect(await source.counts()).toMatchObject({ rows: 214 });
  });

  test("sees the rows of its snapshot all the while", async () => {
    await source.commit([{ records: records(1, 10) }]);
    const reader = await dump();
    await source.commit([{ records: records(11, 20) }]);
    const { rows } = await reader.query(`select count(*)::int as n from public.${source.name}`);
    expect(rows).toEqual([{ n: 10 }]);
    await reader.query("commit");
  });

  test("makes staging grow to 64 MiB, from where a fresh table goes on; the old one goes with its reader", async () => {
    const reader = await dump();
    const large = "x".repeat(8 * MIB);
    for (let n = 0; n < 9; n++) {
      await source.commit([{ records: [record(`large ${n % 2}`, { large })] }]);
    }
    expect((await staged()).bytes).toBeGreaterThan(64 * MIB);
    const old = source.staging;
    await source.begin();
    expect(source.staging).toBe(`ampsync_private.page_${source.id}_2`);
    expect(await tables()).toEqual([old, source.staging]);

    await source.commit([{ records: records(1, 3) }]); // By TRUNCATE again: nobody reads this one.
    expect((await staged()).bytes).toBeLessThanOrEqual(EMPTY_BYTES);
    await source.begin();
    expect(await tables()).toEqual([old, source.staging]);
    await reader.query("commit");
    await source.begin();
    expect(await tables()).toEqual([source.staging]);
    expect(await source.counts()).toMatchObject({ records: 12, rows: 5 });
  });
});
