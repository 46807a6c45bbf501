-- Whether a stream has indexes to build: it has reached the head once, it is not halted, and an
-- index is not there yet, or was dropped since. An index that failed for good is not due.
create or replace function ampsync_private.indexes_are_due(
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
      join ampsync_private.target_index t using (stream_id)
     where s.stream_id = p_stream_id
       and s.reached_head_at is not null
       and not ampsync_private.is_halted(s.state)
       and exists (select from pg_class c where c.oid = s.target)
       and t.state <> 'failed'
       and not exists (select from pg_index i
                        where i.indexrelid = t.index_id and i.indrelid = s.target and i.indisvalid));
end;
$$;

comment on function ampsync_private.indexes_are_due(bigint)
  is 'Whether a stream has indexes to build.';
