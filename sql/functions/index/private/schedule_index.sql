-- Queues the job that builds the indexes of a stream: immediately, or after failed attempts at
-- the time of the next one, but not before `p_not_before`. One waiting job per stream; a second
-- one is harmless.
create or replace function ampsync_private.schedule_index(
  p_stream_id  bigint,
  p_not_before timestamptz default null
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select graphile_worker.add_job(
    'ampsync_index',
    payload => json_build_object('stream_id', p_stream_id::text),
    job_key => 'ampsync_index:' || p_stream_id,
    run_at  => greatest(p_not_before, (select min(coalesce(t.next_retry, ampsync_private.now()))
                                         from ampsync_private.target_index t
                                        where t.stream_id = p_stream_id
                                          and t.state <> 'failed'))
  );
$$;

comment on function ampsync_private.schedule_index(bigint, timestamptz)
  is 'Queue the job that builds the indexes of a stream.';
