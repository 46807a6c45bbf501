-- Takes the next snapshot that waits, for a job: one of the tenant, and of its client, whose last one is the longest
-- ago, so that nobody who asks for many makes others wait. At most two are made at once; a job that died counts no
-- more, and what it made is made anew. Null where nothing waits, or two are being made, whose jobs go on with what
-- waits.
--
-- The session holds an advisory lock on the snapshot, which shows that its job lives; it is given back with the
-- session, or by finish_snapshot and fail_snapshot.
--
-- Returns {"snapshot", "attempt", "shape", "key", "definition", "relation", "mode", "columns", "record",
-- "key_columns"}: what is to be read, see client_tables.
--
-- Locks: an advisory lock to the end of the transaction, then rows of snapshots that are free.
create or replace function ampsync_worker.take_snapshot()
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_snapshot ampsync_private.snapshot;
begin
  perform pg_advisory_xact_lock(hashtextextended('ampsync.snapshots', 0));
  perform ampsync_private.free_snapshots();
  if (select count(*) from ampsync_private.snapshot s where s.state = 'building') >= 2 then
    return null;
  end if;

  select * into v_snapshot
    from ampsync_private.snapshot s
   where s.state = 'queued'
     and exists (select from ampsync_private.shape h where h.shape_id = s.shape_id)
   order by (select max(o.taken_at) from ampsync_private.snapshot o where o.tenant is not distinct from s.tenant)
              nulls first,
            (select max(o.taken_at) from ampsync_private.snapshot o where o.client_id is not distinct from s.client_id)
              nulls first,
            s.created_at, s.snapshot_id
   limit 1
     for no key update skip locked;
  if v_snapshot.snapshot_id is null
     or not pg_try_advisory_lock(ampsync_private.snapshot_key(v_snapshot.snapshot_id)) then
    return null;
  end if;
  update ampsync_private.snapshot s
     set state = 'building', attempt = s.attempt + 1, taken_at = ampsync_private.now(), error = null,
         epoch = ampsync_private.check_epoch(), position = ampsync_private.log_head(),
         lsn = pg_current_wal_insert_lsn(), schema_version = ampsync_private.present_version(),
         form = (select t.table_definition from ampsync_private.client_tables(array[s.shape_id]) t)
   where s.snapshot_id = v_snapshot.snapshot_id
  returning * into v_snapshot;

  return (select jsonb_build_object(
                   'snapshot', v_snapshot.snapshot_id, 'attempt', v_snapshot.attempt, 'shape', v_snapshot.shape_id,
                   'key', v_snapshot.key, 'definition', v_snapshot.definition, 'mode', t.mode,
                   'relation', p.relation::text, 'columns', to_jsonb(t.columns),
                   'record', t.row_type, 'key_columns', to_jsonb(t.key))
            from ampsync_private.client_tables(array[v_snapshot.shape_id]) t
            join ampsync_private.published p using (published_id));
end;
$$;

comment on function ampsync_worker.take_snapshot()
  is 'Take the next snapshot that waits, for a job; null where nothing waits, or two are being made.';
