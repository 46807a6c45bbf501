-- What to do about work that nobody does at the moment: start a worker, or, where
-- some are alive, look what keeps them busy.
create or replace function ampsync_private.idle_hint()
  returns text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select case when exists (select 1
                             from ampsync_private.worker w
                            where w.heartbeat_at > ampsync_private.now() - ampsync_private.lease_duration())
              then 'Its job waits for a free worker: select * from ampsync.jobs;'
              else 'Start a worker (npx graphile-worker), then: select * from ampsync.jobs;' end;
$$;

comment on function ampsync_private.idle_hint()
  is 'What to do about work that no worker does at the moment.';
