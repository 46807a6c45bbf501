-- The entry of a migration that came through WAL: from here on the log has that version. Whose forms it changes
-- is told by the Relation messages behind it (note_migration). Locks: the log lock.
create or replace function ampsync_private.enter_migration(
  p_version text,
  p_lsn     pg_lsn,
  p_at      timestamptz,
  p_xid     text
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_version  ampsync_private.schema_version;
  v_position bigint;
begin
  select * into strict v_version
    from ampsync_private.schema_version v
   where v.version = p_version;
  v_position := ampsync_private.log_entry(
                  'schema', '{}',
                  jsonb_build_object('migration', v_version.migration, 'version', p_version,
                                     'direction', case when v_version.equals is null then 'up' else 'down' end),
                  p_lsn, null, p_at);
  update ampsync_private.change_tx t
     set schema_version = p_version
   where t.position = v_position;
  update ampsync_private.schema_version v
     set position = v_position
   where v.version = p_version;
  perform ampsync_private.note_migration(p_version, p_xid);
end;
$$;

comment on function ampsync_private.enter_migration(text, pg_lsn, timestamptz, text)
  is 'Enter a migration that came through WAL into the log.';
