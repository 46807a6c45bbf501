-- Records that an index is there, built by us or found. Journaled when it is new.
--
-- Locks: the row of target_index.
create or replace function ampsync_private.mark_index_valid(
  p_index    ampsync_private.target_index,
  p_index_id oid
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  update ampsync_private.target_index t
     set state = 'valid', index_id = p_index_id, since = ampsync_private.now(), attempts = 0, next_retry = null,
         error = null
   where (t.stream_id, t.method, t.columns, t.options)
         = (p_index.stream_id, p_index.method, p_index.columns, p_index.options)
     and t.index_id is distinct from p_index_id;
  if found then
    perform ampsync_private.journal(p_index.stream_id, 'index_valid', jsonb_build_object(
      'index', p_index_id::regclass::text,
      'columns', ampsync_private.index_column_list(p_index.columns, p_index.options),
      'seconds', case when p_index.state = 'building'
                      then round(extract(epoch from ampsync_private.now() - p_index.since), 1) end));
  end if;
end;
$$;

comment on function ampsync_private.mark_index_valid(ampsync_private.target_index, oid)
  is 'Record that an index is there.';
