-- The entry of a migration that came through WAL: from here on the log has that version. Whose forms it changes
-- is told by the Relation messages behind it (note_migration).
--
-- p_migration  {"version", "tables": see migrated_tables}
-- p_xid        of its transaction, as WAL names it
--
-- Locks: the log lock.
create or replace function ampsync_private.enter_migration(
  p_migration jsonb,
  p_lsn       pg_lsn,
  p_at        timestamptz,
  p_xid       text
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_name     text := p_migration ->> 'version';
  v_version  ampsync_private.schema_version;
  v_position bigint;
begin
  select * into strict v_version
    from ampsync_private.schema_version v
   where v.version = v_name;
  v_position := ampsync_private.log_entry(
                  'schema', '{}',
                  jsonb_build_object('migration', v_version.migration, 'version', v_name,
                                     'direction', case when v_version.equals is null then 'up' else 'down' end),
                  p_lsn, null, p_at);
  update ampsync_private.change_tx t
     set schema_version = v_name
   where t.position = v_position;
  update ampsync_private.schema_version v
     set position = v_position
   where v.version = v_name;
  perform ampsync_private.note_migration(v_name, p_xid, p_migration -> 'tables');
end;
$$;

comment on function ampsync_private.enter_migration(jsonb, pg_lsn, timestamptz, text)
  is 'Enter a migration that came through WAL into the log.';
