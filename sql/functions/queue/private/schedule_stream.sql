-- Queues the next pass of a stream, by the task that its kind has; with `p_run_at` null it is due
-- immediately. The key allows one waiting job per stream. A lost or second job is harmless: the lease
-- decides who writes.
-- No queue_name, because that delays jobs which become due together (docs/adr/0010). The flag
-- keeps passes from the slots that workers leave to short jobs (src/queue/slots.ts).
create or replace function ampsync_private.schedule_stream(
  p_stream_id bigint,
  p_run_at    timestamptz default null
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select graphile_worker.add_job(
    case when exists (select 1
                        from ampsync_private.stream s
                        join ampsync_private.dataset d using (dataset_id)
                       where s.stream_id = p_stream_id and d.kind = 'http')
         then 'ampsync_ingest' else 'ampsync_stream' end,
    payload    => json_build_object('stream_id', p_stream_id::text),
    job_key    => 'ampsync_stream:' || p_stream_id,
    run_at     => p_run_at,
    flags      => '{ampsync_pass}'
  );
$$;

comment on function ampsync_private.schedule_stream(bigint, timestamptz)
  is 'Queue the next pass of a stream; replaces the one that waits, if any.';
