-- Up to this position entries are of another cluster, whose xids and places in WAL mean nothing here: the
-- newest position at which the cluster changed.
--
-- In PL/pgSQL, which keeps plans.
create or replace function ampsync_private.xid_horizon()
  returns bigint
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(max(e.forked_at), 0)
      from (select n.forked_at, n.system_identifier <> lag(n.system_identifier) over (order by n.number) as is_other
              from ampsync_private.log_epoch n) e
     where e.is_other);
end;
$$;

comment on function ampsync_private.xid_horizon()
  is 'Up to this position xids and places in WAL are those of another cluster.';
