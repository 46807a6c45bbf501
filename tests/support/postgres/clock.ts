import type { TestDatabase } from "./postgres.ts";

/**
 * Move the clock of this test database forward by an interval, e.g. '31 seconds'.
 * Moves add up. The first one replaces ampsync_private.now() by a function that
 * adds an offset, kept in a table of the test's own schema.
 */
export async function moveClock(db: Pick<TestDatabase, "query">, by: string): Promise<void> {
  const { rows } = await db.query("select to_regclass('test_clock.moved') is null as untouched");
  if (rows[0]?.["untouched"]) {
    await db.query(`
      create schema test_clock;
      create table test_clock.moved (by interval not null);
      insert into test_clock.moved values ('0 seconds');
      grant usage on schema test_clock to public;
      grant select on test_clock.moved to public;

      create or replace function ampsync_private.now()
        returns timestamptz
        language sql
        volatile
        security invoker
        set search_path = pg_catalog, pg_temp
      as $$
        select clock_timestamp() + (select m.by from test_clock.moved m);
      $$`);
  }
  await db.query("update test_clock.moved set by = by + $1::interval", [by]);
}

/** The same, as if every worker had lived through that time: heartbeats and leases move along. */
export async function letTimePass(db: Pick<TestDatabase, "query">, by: string): Promise<void> {
  await db.query("begin");
  await letTimePassWithin(db, by);
  await db.query("commit");
}

/** The same within a transaction that is open. */
export async function letTimePassWithin(db: Pick<TestDatabase, "query">, by: string): Promise<void> {
  await moveClock(db, by);
  await db.query("update ampsync_private.worker set heartbeat_at = heartbeat_at + $1::interval", [by]);
  await db.query("update ampsync_private.lease set lease_until = lease_until + $1::interval", [by]);
}
