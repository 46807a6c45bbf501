-- The entries of captured transactions that have a position. A transaction without rows has no tx_id: it is
-- there for its client.
create or replace function ampsync_private.log_transactions(
  p_transactions jsonb,
  p_tx_ids       bigint[],
  p_positions    bigint[],
  p_versions     text[],
  p_counts       integer[],
  p_messages     jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now  timestamptz := ampsync_private.now();
  v_near xid8 := pg_snapshot_xmax(pg_current_snapshot());
begin
  if p_positions is null then
    return;
  end if;
  insert into ampsync_private.change_tx
         (position, kind, tx_id, lsn, xid, committed_at, recorded_at, schema_version, client_id, client_tx, source,
          changes, bytes)
  select p_positions[t.n + 1], 'rows', case when p_counts[t.n + 1] > 0 then p_tx_ids[t.n + 1] end, t.commit_lsn,
         ampsync_private.nearest_xid8(t.xid, v_near), ampsync_private.captured_at(t.at), v_now, p_versions[t.n + 1],
         (m.value ->> 'client_id')::uuid, (m.value ->> 'client_tx')::uuid, m.value ->> 'source',
         p_counts[t.n + 1], coalesce(t.bytes, 0)
    from jsonb_to_recordset(p_transactions) t(n integer, commit_lsn pg_lsn, xid bigint, at text, bytes bigint)
   cross join lateral (select p_messages #> array[t.n::text, 'client'] as value) m
   where p_positions[t.n + 1] is not null;
end;
$$;

comment on function ampsync_private.log_transactions(jsonb, bigint[], bigint[], text[], integer[], jsonb)
  is 'Add the entries of captured transactions to the log.';
