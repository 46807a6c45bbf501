-- What one frame may bring to a client at most: changes, or rows of blocks, and their bytes. What is more is loaded.
--
-- In PL/pgSQL, which keeps plans.
create or replace function ampsync_private.frame_limits(
  out changes bigint,
  out bytes   bigint
)
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  changes := 50000;
  bytes := 16777216;
end;
$$;

comment on function ampsync_private.frame_limits()
  is 'What one frame may bring to a client at most.';
