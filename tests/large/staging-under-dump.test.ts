// Takes 13 s.
import { expect, test } from "vitest";

import { record, SqlSource } from "../support/http/sql-source.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";

/** Enough that staging is exchanged once; with `CASES=all` as many as the requirement names. */
const COMMITS = process.env["CASES"] === "all" ? 600 : 400;
const RECORDS = 1_000;
/** What a pass copies until it asks for staging again. */
const COPIED_BYTES = 64 * 1024 * 1024;
const NOTE = "x".repeat(200);

const db = sharedDatabase();

/** A snapshot with locks on all tables, as pg_dump has them; and somebody who reads what is staged. */
async function dumpAndReader(source: SqlSource) {
  await db.query("select ampsync.create_seed_views('events')");
  const [dump, reader] = [await db.client(), await db.client()];
  await dump.query("begin isolation level repeatable read");
  await dump.query(`lock table ${source.staging}, public.events, ampsync_private.part in access share mode`);
  await reader.query("begin; select count(*) from public.staging_events");
  return [dump, reader];
}

test("while a dump and a reader of staging are open, the last commit takes at most twice as long as the 10th, and none four times", async () => {
  const source = await SqlSource.prepare(db);
  const old = source.staging;
  const others = await dumpAndReader(source);
  const times: number[] = [];
  let copied = 0;
  for (let n = 0; n < COMMITS; n++) {
    const texts = Array.from({ length: RECORDS }, (_, i) => record(n * RECORDS + i, { note: NOTE }));
    if (n % 20 === 0) {
      await db.query(
        "update ampsync_private.lease set lease_until = ampsync_private.now() + interval '5 minutes'",
      );
    }
    const begun = performance.now();
    if (copied >= COPIED_BYTES) {
      await source.begin();
      copied = 0;
    }
    await source.commit([{ records: texts }]);
    times.push(performance.now() - begun);
    copied += texts.reduce((sum, text) => sum + text.length, 0);
  }
  /** The fastest of 19 commits: other processes disturb the others. */
  const around = (at: number) => Math.min(...times.slice(Math.max(0, at - 9), at + 10));
  const tenth = around(10);
  expect(around(COMMITS - 10)).toBeLessThan(2 * tenth);
  expect(Math.max(...times.slice(10, -10).map((_, n) => around(n + 10)))).toBeLessThan(4 * tenth);

  expect(source.staging).not.toBe(old);
  await Promise.all(others.map((other) => other.query("commit")));
  await source.begin();
  const { rows } = await db.query(
    "select to_regclass($1) as old, (select count(*)::int from public.staging_events) as staged",
    [old],
  );
  expect(rows).toEqual([{ old: null, staged: 0 }]);
  expect(await source.counts()).toEqual({
    records: COMMITS * RECORDS,
    rows: COMMITS * RECORDS,
    duplicates: 0,
    rejected: 0,
  });
});
