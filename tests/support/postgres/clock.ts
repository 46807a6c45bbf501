import type { TestDatabase } from "./postgres.ts";

/**
 * Move the clock of this test database forward by an interval, e.g. '31 seconds'.
 * Moves add up. The first one replaces ampsync_private.now() by a function that
 * adds an offset, kept in a table of the test's own schema.
 */
export async function moveClock(db: Pick<TestDatabase, "query">, by: string): Promise<void> {
  const { rows } = await db.query(
    "select to_regclass('test_clock.moved') is null as untouched, to_regprocedure('test_clock.due()') is not null as is_followed",
  );
  if (rows[0]?.["untouched"]) {
    await db.query(`
      create schema test_clock;
      create table test_clock.moved (by interval not null);
      insert into test_clock.moved values ('0 seconds');
      grant usage on schema test_clock to public;
      grant select on test_clock.moved to public;`);
    await replaceNow(db, "clock_timestamp()");
  }
  await db.query("update test_clock.moved set by = by + $1::interval", [by]);
  if (rows[0]?.["is_followed"]) await bringNearer(db, by);
}

/**
 * graphile-worker goes by the real clock, and ampsync says by the moved one when jobs are due: they would be late by as much as
 * it was moved. From now on they are queued for that time of the real clock, and moves bring those that wait nearer.
 */
export async function queueFollowsClock(db: Pick<TestDatabase, "query">): Promise<void> {
  await moveClock(db, "0 seconds");
  await db.query(`
    set lock_timeout = '2 s';
    do $do$
    begin
      if to_regprocedure('test_clock.due()') is not null then
        return;
      end if;
      create function test_clock.due() returns trigger language plpgsql as $$
      begin
        new.run_at := greatest(clock_timestamp(), new.run_at - (select m.by from test_clock.moved m));
        return new;
      end $$;
      create trigger due before insert on graphile_worker._private_jobs
        for each row when (new.run_at > clock_timestamp()) execute function test_clock.due();
    exception
      when lock_not_available then null; -- Of a worker that is frozen, perhaps: the next call does it.
    end $do$;
    reset lock_timeout`);
}

/** Waits for nobody: workers change the same rows. */
async function bringNearer(db: Pick<TestDatabase, "query">, by: string): Promise<void> {
  await db.query(
    `update graphile_worker._private_jobs j
        set run_at = greatest(clock_timestamp(), j.run_at - $1::interval)
      where j.id in (select w.id from graphile_worker._private_jobs w
                      where w.locked_at is null and w.run_at > clock_timestamp()
                        for update skip locked)`,
    [by],
  );
}

/** From now on it is the time that an expression of SQL gives, and by how much the clock was moved. */
async function replaceNow(db: Pick<TestDatabase, "query">, time: string): Promise<void> {
  await db.query(`
    create or replace function ampsync_private.now()
      returns timestamptz
      language sql
      volatile
      security invoker
      set search_path = pg_catalog, pg_temp
    as $$
      select ${time} + (select m.by from test_clock.moved m);
    $$`);
}

/** Stop the clock of this test database, in all sessions: from now on it only goes where it is moved. */
export async function freezeClock(db: Pick<TestDatabase, "query">): Promise<void> {
  await moveClock(db, "0 seconds");
  const { rows } = await db.query("select quote_literal(clock_timestamp()) as now");
  await replaceNow(db, `timestamptz ${rows[0]!["now"]}`);
}

/** As `moveClock`, as if every worker had lived through that time: heartbeats and leases move along. */
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

/** Stop the clock of this session at a time, and of all other sessions that say one. It is set again by the same call. */
export async function stopClock(db: Pick<TestDatabase, "query">, at: Date | string): Promise<void> {
  const { rows } = await db.query(
    "select set_config('test_clock.at', $1, false), to_regprocedure('test_clock.stopped()') is null as untouched",
    [at instanceof Date ? at.toISOString() : at],
  );
  if (!rows[0]?.["untouched"]) return;
  await db.query(`
    create schema if not exists test_clock;
    create function test_clock.stopped() returns void language sql as '';

    create or replace function ampsync_private.now()
      returns timestamptz
      language sql
      volatile
      security invoker
      set search_path = pg_catalog, pg_temp
    as $$
      select current_setting('test_clock.at')::timestamptz;
    $$`);
}
