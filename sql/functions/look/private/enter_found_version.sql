-- Says in the log, from where on a published table has other columns or another name, which nobody announced: an entry
-- `schema`, with a version of its own (found_version), and the event `schema_changed`.
--
-- p_table       as it was noted until then
-- p_name        what it is called now
-- p_statements  as client_statements gives them; null: clients cannot follow by statements
-- p_lsn, p_at   see log_entry
--
-- Locks: the log lock. The row of `published` is held by the caller.
create or replace function ampsync_private.enter_found_version(
  p_table      ampsync_private.published,
  p_name       text,
  p_reason     text,
  p_statements jsonb,
  p_lsn        pg_lsn default null,
  p_at         timestamptz default null
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_before   text := format('%I.%I', p_table.schema_name, p_table.table_name);
  v_version  text := ampsync_private.found_version(p_statements);
  v_position bigint;
begin
  v_position := ampsync_private.log_entry('schema', array[p_table.published_id], jsonb_build_object(
                  'reason', p_reason, 'version', v_version,
                  'migration', case when p_statements is not null then 'found_' || v_version end,
                  'direction', case when p_statements is not null then 'up' end)
                || case when v_before <> p_name
                        then jsonb_build_object('renamed', jsonb_build_object(p_table.published_id, v_before))
                        else '{}' end,
                p_lsn, null, p_at);
  update ampsync_private.schema_version v
     set position = v_position
   where v.version = v_version;
  perform ampsync_private.journal(p_table.stream_id, 'schema_changed', jsonb_build_object(
            'table', p_name, 'version', v_version, 'reason', p_reason));
end;
$$;

comment on function ampsync_private.enter_found_version(
  ampsync_private.published, text, text, jsonb, pg_lsn, timestamptz
)
  is 'Say in the log that a published table was found with other columns or another name.';
