-- A gateway stops: its row and its sessions go. Returns how many of those it had. A session that is being opened
-- elsewhere at this moment is that of another gateway already.
create or replace function ampsync_worker.end_gateway(
  p_gateway uuid
)
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '2s'
as $$
begin
  delete from ampsync_private.gateway g where g.gateway_id = p_gateway;
  return ampsync_private.end_sessions(p_gateway);
end;
$$;

comment on function ampsync_worker.end_gateway(uuid)
  is 'A gateway stops: its row and its sessions go.';
