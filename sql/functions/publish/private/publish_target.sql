-- Publishes the table of a stream as ranges of blocks: from its floor on every commit says in the log
-- which blocks it changed. The floor follows when the supervisor has seen it (activate_targets), because
-- this runs in a user's transaction, which must not hold the log lock. Idempotent. A table that was captured before
-- is so no more.
--
-- Locks: rows of `published` of the table; the stream row against its end alone.
create or replace function ampsync_private.publish_target(
  p_stream_id bigint
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_stream ampsync_private.stream;
begin
  select s.* into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  perform ampsync_private.end_captured(v_stream.target);
  insert into ampsync_private.published
         (schema_name, table_name, relation, mode, stream_id, columns, published_lsn, since)
  select coalesce(n.nspname, v_stream.target_schema), coalesce(c.relname, v_stream.target_table), c.oid, 'blocks',
         p_stream_id, coalesce(ampsync_private.published_columns(c.oid), '[]'), pg_current_wal_insert_lsn(),
         ampsync_private.now()
    from (select 1) once
    left join pg_class c on c.oid = v_stream.target
    left join pg_namespace n on n.oid = c.relnamespace
  on conflict (stream_id) do nothing;
  if found then
    perform ampsync_private.journal(p_stream_id, 'table_published', jsonb_build_object(
              'table', format('%I.%I', v_stream.target_schema, v_stream.target_table)));
    perform ampsync_private.schedule_supervisor();
  end if;
end;
$$;

comment on function ampsync_private.publish_target(bigint)
  is 'Publish the table of a stream as ranges of blocks.';
