-- Queues the swap of a shadow that is due: immediately, or after a failed attempt at the time
-- of the next one. One waiting job per shadow; a second one is harmless.
create or replace function ampsync_private.schedule_swap(
  p_shadow_id bigint
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select graphile_worker.add_job(
    'ampsync_swap',
    payload    => json_build_object('stream_id', p_shadow_id::text),
    job_key    => 'ampsync_swap:' || p_shadow_id,
    run_at     => (select s.swap_retry from ampsync_private.stream s where s.stream_id = p_shadow_id)
  );
$$;

comment on function ampsync_private.schedule_swap(bigint)
  is 'Queue the swap of a shadow.';
