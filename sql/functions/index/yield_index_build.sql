-- Cancels the build of an index that is in somebody's way, and returns why; null if it is in
-- nobody's. CREATE INDEX CONCURRENTLY holds SHARE UPDATE EXCLUSIVE on its table for as long as it
-- runs, and waits for the transactions of others. So LOCK TABLE … IN SHARE MODE, ALTER TABLE,
-- VACUUM or another CREATE INDEX would wait for hours, and a transaction that has written before
-- would deadlock with the build: after deadlock_timeout (1 s) the server would end the one
-- that waits later, which is not the build. Its worker calls this twice a second, and the
-- build is retried later.
--
-- Nor may the build itself wait for the lock on its table: it holds a snapshot, for which a CREATE
-- INDEX CONCURRENTLY of somebody else on the same table waits. Only for autovacuum it does:
-- the server cancels that after deadlock_timeout, unless it prevents a wraparound.
--
-- p_patience: how long somebody has to have waited; the supervisor leaves to the worker of a
-- build what that worker will see itself
--
-- Locks: none.
create or replace function ampsync_worker.yield_index_build(
  p_patience interval default '0'
)
  returns text
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_builder integer := ampsync_private.index_builder();
  v_waits   integer[]; -- Who waits for the build.
  v_holds   integer[]; -- Whom the build waits for.
  v_now     timestamptz := ampsync_private.now();
  v_reason  text;
begin
  if not exists (select from pg_stat_activity a
                  where a.pid = v_builder and a.state = 'active'
                    and a.query ~ '^(create|drop) index concurrently ') then
    return null;
  end if;

  select array_agg(w.pid) into v_waits
    from pg_locks w
   where not w.granted
     and w.pid <> v_builder
     and coalesce(w.waitstart, v_now) <= v_now - p_patience
     and v_builder = any (pg_blocking_pids(w.pid));
  if v_waits is not null then
    v_reason := format('the build was ended because %s waited for it', ampsync_private.describe_sessions(v_waits));
  else
    select array_agg(b.pid) into v_holds
      from pg_locks w
     cross join lateral unnest(pg_blocking_pids(w.pid)) b(pid)
      left join pg_stat_activity a on a.pid = b.pid
     where w.pid = v_builder and not w.granted and w.locktype = 'relation'
       and coalesce(w.waitstart, v_now)
           <= v_now - p_patience - case when a.backend_type = 'autovacuum worker' then interval '3 s' else '0' end;
    if v_holds is null then
      return null;
    end if;
    v_reason := format('the table is locked by %s', ampsync_private.describe_sessions(v_holds));
  end if;

  perform pg_cancel_backend(v_builder);
  return v_reason;
exception when insufficient_privilege then
  return null;
end;
$$;

comment on function ampsync_worker.yield_index_build(interval)
  is 'Cancel the build of an index that others wait for, and say who; null if nobody does.';
