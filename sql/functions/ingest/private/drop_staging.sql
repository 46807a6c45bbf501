-- Drops the staging tables of a stream that is dropped. Called after close_fence.
--
-- Locks: the tables (access exclusive); readers are waited for as long as the caller's lock_timeout
-- (55P03 with who holds it).
create or replace function ampsync_private.drop_staging(
  p_stream_id bigint
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_staging regclass;
begin
  for v_staging in select t.staging from ampsync_private.staging_tables(p_stream_id) t order by t.number
  loop
    execute format('drop table %s', v_staging);
  end loop;
exception
  when lock_not_available then
    raise exception using
      errcode = '55P03',
      message = format('staging table %s of %s is in use', v_staging, ampsync_private.stream_label(p_stream_id)),
      detail  = 'Nothing was changed: somebody reads it, perhaps through a view of create_seed_views, and its lock was '
                'not available in time.',
      hint    = format('Try again once it is free. Who holds it: select a.pid, a.query from pg_locks l '
                       'join pg_stat_activity a using (pid) where l.relation = %L::regclass;', v_staging);
end;
$$;

comment on function ampsync_private.drop_staging(bigint)
  is 'Drop the staging tables of a stream.';
