-- The part of ampsync.resync for an HTTP source: its position is forgotten, and all is read again into the
-- same table, by its key. Rows that are gone at the API stay. With on_conflict `ignore` only rows that
-- are missing are added, which the hint says. Refused without a key, as nothing tells rows apart.
--
-- Locks: dataset row; fence (exclusive), stream row, lease row; rows of parts.
create or replace function ampsync_private.resync_source(
  p_dataset    text,
  p_from_block bigint
)
  returns table (dataset text, table_name text, state text, hint text)
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_dataset_id bigint := ampsync_private.lock_reference(p_dataset);
  v_dataset    ampsync_private.dataset;
  v_stream_id  bigint;
begin
  if p_from_block is not null then
    perform ampsync_private.refuse_http(v_dataset_id, 'resync with from_block',
                                        format('select * from ampsync.resync(%L);', p_dataset));
  end if;
  select d.* into strict v_dataset
    from ampsync_private.dataset d
   where d.dataset_id = v_dataset_id;
  perform ampsync_private.check_restartable(v_dataset, v_dataset.definition);

  select s.stream_id into strict v_stream_id
    from ampsync_private.stream s
   where s.dataset_id = v_dataset_id;
  perform ampsync_private.revoke_lease(v_stream_id);
  perform ampsync_private.check_restartable(v_dataset, v_dataset.definition); -- A page may have been committed.
  perform ampsync_private.restart_source(v_stream_id);
  perform ampsync_private.journal(v_stream_id, 'resync_started');
  perform ampsync_private.schedule_supervisor();

  return query
  select r.dataset, r.table_name, r.state,
         case when r.state <> 'paused'
                   and ampsync_private.full_source(v_dataset.definition) -> 'on_conflict' = '"ignore"'
              then 'Rows that are there stay as they are, and only those that are missing are added. To have all of '
                   'them as the API has them now: ' || ampsync_private.http_statement(
                     v_dataset.label, '{"on_conflict": "replace"}')
              else r.hint end
    from ampsync_private.sync_report(v_dataset_id) r;
end;
$$;

comment on function ampsync_private.resync_source(text, bigint)
  is 'Read an HTTP source again from its beginning, into the same table, by its key.';
