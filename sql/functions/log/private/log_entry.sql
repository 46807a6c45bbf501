-- Adds an entry about tables, without rows, to the log: kind `schema`, `floor` or `baseline`. Returns
-- its position.
--
-- p_details  what else is to be known: {"reason", "version", "migration", "direction", …}; "tables" is added. The
--            version is the one that begins with this entry
-- p_lsn, p_xid, p_at  where it stands: of the captured transaction that it belongs to. Null: of this one
--
-- Locks: the log lock. The caller holds rows of `published` that it changes before.
create or replace function ampsync_private.log_entry(
  p_kind          text,
  p_published_ids integer[],
  p_details       jsonb,
  p_lsn           pg_lsn default null,
  p_xid           xid8 default null,
  p_at            timestamptz default null
)
  returns bigint
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_position bigint := ampsync_private.take_position();
begin
  insert into ampsync_private.change_tx
         (position, kind, lsn, xid, committed_at, recorded_at, schema_version, changes, bytes, details)
  values (v_position, p_kind, coalesce(p_lsn, pg_current_wal_insert_lsn()), coalesce(p_xid, pg_current_xact_id()),
          coalesce(p_at, ampsync_private.now()), ampsync_private.now(),
          coalesce(p_details ->> 'version', ampsync_private.present_version()), 0, 0,
          coalesce(p_details, '{}') || jsonb_build_object('tables', to_jsonb(p_published_ids)));
  return v_position;
end;
$$;

comment on function ampsync_private.log_entry(text, integer[], jsonb, pg_lsn, xid8, timestamptz)
  is 'Add an entry about tables to the log (schema, floor, baseline); returns its position.';
