-- Appends one row to the journal. In the caller's transaction, so that what did
-- not happen is not told. What happens to a shadow says so.
create or replace function ampsync_private.journal(
  p_event      text,
  p_dataset_id bigint,
  p_stream_id  bigint,
  p_details    jsonb default '{}'
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  insert into ampsync_private.event (at, event, dataset, table_name, stream_id, details)
  select ampsync_private.now(), p_event,
         (select ampsync_private.dataset_label(d.namespace, d.name, d.revision)
            from ampsync_private.dataset d where d.dataset_id = p_dataset_id),
         (select s.table_name from ampsync_private.stream s where s.stream_id = p_stream_id),
         p_stream_id,
         case when exists (select 1 from ampsync_private.stream s where s.stream_id = p_stream_id and s.shadow_of is not null)
              then p_details || '{"shadow": true}' else p_details end;
$$;

comment on function ampsync_private.journal(text, bigint, bigint, jsonb)
  is 'Append one event to the journal, in the caller''s transaction.';
