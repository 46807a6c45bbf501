-- Gets everything ready for a pass of an HTTP source, and says what is to be read: the target, which is
-- made or has to fit; staging; the rows of the rate limit; the parts of the run, the next one where that is
-- due. A pass calls it first, again after each 64 MiB that it has copied, and when all of its parts have
-- ended: windows of a range are opened 100 at a time.
--
-- source       full_source of the definition
-- parts        those that have not ended, the oldest first, 100 at most: [{"part", "since", "until", "high",
--              "position", "previous", "position_age_s", "run", "begun", "pages", "records", "empty_pages",
--              "expiries", "expired_page", "done"}]; 64-bit numbers as text, times in microseconds since 1970
-- now_us       the clock of the database, in microseconds since 1970
--
-- A transaction of its own. 55P03 while somebody holds what has to be changed.
--
-- Locks: fence (shared), an advisory lock on the name of the target schema while the table is created, the
-- target (access share; access exclusive, for 300 ms at most, if it has to be changed), the stream row, rows
-- of parts, staging tables, rows of the rate limit.
create or replace function ampsync_worker.begin_ingest(
  p_stream_id bigint,
  p_epoch     bigint
)
  returns table (
    source         jsonb,
    staging_schema text,
    staging_table  text,
    bucket         text,
    nul_policy     text,
    now_us         text,
    parts          jsonb
  )
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_source  jsonb;
  v_staging regclass;
begin
  call ampsync_private.enter_fence(p_stream_id, p_epoch);
  perform ampsync_private.prepare_http_target(p_stream_id);

  perform 1 from ampsync_private.stream s where s.stream_id = p_stream_id for no key update;
  select ampsync_private.full_source(d.definition) into strict v_source -- No other one from here on.
    from ampsync_private.stream s
    join ampsync_private.dataset d using (dataset_id)
   where s.stream_id = p_stream_id;
  perform ampsync_private.begin_run(p_stream_id, v_source);
  v_staging := ampsync_private.prepare_staging(p_stream_id);
  perform ampsync_private.declare_limits(v_source -> 'rate_limit' ->> 'bucket',
                                         nullif(v_source -> 'rate_limit' -> 'windows', '[]'));

  return query
  select v_source, n.nspname::text, c.relname::text, v_source -> 'rate_limit' ->> 'bucket',
         d.nul_policy, trunc(extract(epoch from ampsync_private.now()) * 1000000)::text,
         ampsync_private.open_parts(p_stream_id)
    from ampsync_private.stream s
    join ampsync_private.dataset d using (dataset_id)
    join pg_class c on c.oid = v_staging
    join pg_namespace n on n.oid = c.relnamespace
   where s.stream_id = p_stream_id;
end;
$$;

comment on function ampsync_worker.begin_ingest(bigint, bigint)
  is 'Get target, staging and parts ready for a pass of an HTTP source; what is to be read.';
