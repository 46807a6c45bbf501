-- Which of its own transactions each client has with a load: of those that it awaits, or has sent since its session was
-- opened, the ones that have an entry of the log at or below the end of the frame; and those without one, which a gap
-- swallowed, that the rows of the load hold. Whoever asks has waited until the log has what these rows hold.
--
-- p_loads  [{"client", "awaiting": [tx], "last_seq", "visible": [pg_snapshot]}]: what the client named when it
--          connected, the newest number that the ledger had of it then, and the snapshots that the rows were read in,
--          all of which have to hold a transaction
-- p_upto   the end of the frame
--
-- Returns {"<client>": [tx]}, of those that have some.
create or replace function ampsync_worker.settled_by_loads(
  p_loads jsonb,
  p_upto  bigint
)
  returns jsonb
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  -- Epochs up to this one are those of another cluster, whose xids mean nothing here; what it left is in all rows.
  v_horizon constant bigint := (
    select coalesce(max(n.number), 0)
      from ampsync_private.log_epoch n
     where n.system_identifier <> (select o.system_identifier
                                     from ampsync_private.log_epoch o order by o.number desc limit 1));
begin
  return (
    select coalesce(jsonb_object_agg(s.client_id, s.settled), '{}')
      from (select l.client_id, jsonb_agg(l.tx order by l.seq) as settled
              from jsonb_to_recordset(p_loads) a(client uuid, awaiting uuid[], last_seq bigint, visible text[])
              join ampsync_private.client_tx l on l.client_id = a.client
             cross join lateral (
               select min(t.position) as position
                 from ampsync_private.change_tx t
                where t.client_id::text = l.client_id::text
                  and t.client_id is not null -- As the index has it.
                  and t.client_tx = l.tx) e
             where l.status <> 'rejected'
               and (l.tx = any (a.awaiting) or l.seq > a.last_seq)
               and case
                     when e.position is not null then e.position <= p_upto
                     when (select n.number from ampsync_private.log_epoch n where n.epoch = l.epoch) <= v_horizon
                       then true
                     else not exists (select from unnest(a.visible) v(snapshot)
                                       where not pg_visible_in_snapshot(l.xid, v.snapshot::pg_snapshot))
                   end
             group by l.client_id) s);
end;
$$;

comment on function ampsync_worker.settled_by_loads(jsonb, bigint)
  is 'Which of its own transactions each client has with a load.';
