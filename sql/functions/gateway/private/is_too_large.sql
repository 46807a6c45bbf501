-- Whether captured changes are more than one frame may bring to a client (frame_limits). Their tables are loaded anew
-- instead.
--
-- In PL/pgSQL, which keeps plans.
create or replace function ampsync_private.is_too_large(
  p_changes bigint,
  p_bytes   bigint
)
  returns boolean
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_limit record := ampsync_private.frame_limits();
begin
  return p_changes > v_limit.changes or p_bytes > v_limit.bytes;
end;
$$;

comment on function ampsync_private.is_too_large(bigint, bigint)
  is 'Whether captured changes are more than one frame may bring to a client.';
