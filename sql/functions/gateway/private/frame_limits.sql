-- What one frame may bring to a client at most: changes, or rows of blocks, and their bytes. What is more is loaded.
create or replace function ampsync_private.frame_limits(
  out changes bigint,
  out bytes   bigint
)
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select 50000, 16777216;
$$;

comment on function ampsync_private.frame_limits()
  is 'What one frame may bring to a client at most.';
