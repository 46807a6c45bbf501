-- Whether the writers of a stream's dataset rest, so that its tables can be altered: see
-- ampsync_worker.defer_reload.
create or replace function ampsync_private.rests(
  p_stream_id bigint
)
  returns boolean
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
    select 1
      from ampsync_private.stream s
      join ampsync_private.dataset d using (dataset_id)
     where s.stream_id = p_stream_id
       and d.quiesce_until > ampsync_private.now()
  );
end;
$$;

comment on function ampsync_private.rests(bigint)
  is 'Whether the writers of a stream''s dataset rest, so that its tables can be altered.';
