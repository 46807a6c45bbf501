import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { logStorm } from "../support/postgres/log-storm.ts";
import { createDatabase, type TestDatabase } from "../support/postgres/postgres.ts";

let db: TestDatabase;
beforeEach(async () => {
  db = await createDatabase();
});
afterEach(() => db.drop());

describe("positions of the log, many streams writing", () => {
  test("rise in the order in which commits become visible, and each snapshot of the tables is that of its head", async () => {
    const { commits, snapshots, ...wrong } = await logStorm(db, {
      writers: 6,
      seed: 1,
      goesOn: (count) => count < 100,
    });
    expect(wrong).toEqual({ holes: 0, lost: 0, torn: 0 });
    expect(commits).toBeGreaterThanOrEqual(100);
    expect(snapshots).toBeGreaterThan(10);
  });

  test("do not where they are taken without the log lock, which the same readers see", async () => {
    await db.query(
      `create or replace function ampsync_private.lock_log() returns void language sql
         set search_path = pg_catalog, pg_temp as ''`,
    );
    const { holes, lost } = await logStorm(db, {
      writers: 6,
      seed: 2,
      goesOn: async (count, seen) => count < 3000 && (count % 50 !== 0 || (await seen()).holes === 0),
    });
    expect(holes).toBeGreaterThan(0);
    expect(lost).toBeGreaterThanOrEqual(0);
  });
});
