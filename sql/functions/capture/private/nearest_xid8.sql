-- The full transaction id whose lower 32 bits are those of p_xid, nearest to p_near. WAL has 32 bits
-- alone, and the transaction that is decoded may be a little younger than our snapshot, or much older:
-- so the distance is taken with its sign.
create or replace function ampsync_private.nearest_xid8(
  p_xid  bigint,
  p_near xid8
)
  returns xid8
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_span  constant bigint := 4294967296;
  v_near  bigint := p_near::text::bigint;
  v_ahead bigint := ((p_xid - v_near) % c_span + c_span) % c_span;
  v_found bigint := v_near + case when v_ahead >= c_span / 2 then v_ahead - c_span else v_ahead end;
begin
  return (case when v_found < 0 then v_found + c_span else v_found end)::text::xid8;
end;
$$;

comment on function ampsync_private.nearest_xid8(bigint, xid8)
  is 'Widen a transaction id of 32 bits to the one nearest to another.';
