-- Removes the sessions of a gateway, or of all, but for those of clients that somebody holds. Returns how many.
--
-- p_gateway  null: of all
-- p_silent   only those of which nothing was heard for so long
--
-- Locks: client rows that are free, in their order, then their sessions.
create or replace function ampsync_private.end_sessions(
  p_gateway uuid,
  p_silent  interval default '0 s'
)
  returns integer
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_before timestamptz := ampsync_private.now() - p_silent;
  v_ended  integer;
begin
  with held as materialized (
    select c.client_id
      from ampsync_private.client c
     where exists (select from ampsync_private.session s
                    where s.client_id = c.client_id and s.seen_at <= v_before
                      and (p_gateway is null or s.gateway_id = p_gateway))
     order by c.client_id
       for no key update of c skip locked
  )
  delete from ampsync_private.session s
   using held h
   where s.client_id = h.client_id
     and s.seen_at <= v_before
     and (p_gateway is null or s.gateway_id = p_gateway);
  get diagnostics v_ended = row_count;
  return v_ended;
end;
$$;

comment on function ampsync_private.end_sessions(uuid, interval)
  is 'Remove the sessions of a gateway, or of all, but for those of clients that somebody holds.';
