-- Whether a repair of a stream is due, so that its next pass should begin.
create or replace function ampsync_private.repair_waits(
  p_stream_id bigint
)
  returns boolean
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select 1
      from ampsync_private.repair r
     where r.stream_id = p_stream_id
       and r.due_at <= ampsync_private.now()
  );
$$;

comment on function ampsync_private.repair_waits(bigint)
  is 'Whether a repair of a stream is due.';
