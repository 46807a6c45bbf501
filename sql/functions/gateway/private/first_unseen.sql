-- The lowest captured entry up to a position whose transaction a database snapshot did not see; null: there is none.
-- What lies at or below the horizon of transaction ids was seen: those were another cluster's.
create or replace function ampsync_private.first_unseen(
  p_visible pg_snapshot,
  p_settled bigint
)
  returns bigint
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select min(t.position)
    from ampsync_private.change_tx t
   where t.xid >= pg_snapshot_xmin(p_visible)
     and t.kind = 'rows'
     and t.position <= p_settled
     and t.position > ampsync_private.xid_horizon()
     and not pg_visible_in_snapshot(t.xid, p_visible);
$$;

comment on function ampsync_private.first_unseen(pg_snapshot, bigint)
  is 'The lowest captured entry up to a position whose transaction a database snapshot did not see.';
