-- Queues the next run of the supervisor: in 5 s, or when the next lease runs out if that is
-- sooner. The supervisor calls this before it works, so that a run that dies has a successor.
-- Idempotent.
create or replace function ampsync_worker.schedule_supervision()
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select ampsync_private.commit_async();

  select ampsync_private.schedule_supervisor(least(
    ampsync_private.now() + interval '5 s',
    (select min(l.lease_until) + interval '100 ms'
       from ampsync_private.lease l
      where l.lease_until > (select ampsync_private.now())) -- Once, not for each lease.
  ));
$$;

comment on function ampsync_worker.schedule_supervision()
  is 'Queue the next run of the supervisor.';
