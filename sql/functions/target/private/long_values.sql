-- How a new target stores its long values of bytea and text: the clause of ALTER COLUMN.
-- p_methods: the compression methods that the server was built with.
--
-- Without lz4 they are not compressed at all: with pglz, long calldata takes four times as long
-- to load (docs/adr/0011).
create or replace function ampsync_private.long_values(
  p_methods text[]
)
  returns text
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select case when 'lz4' = any (p_methods) then 'set compression lz4' else 'set storage external' end;
$$;

comment on function ampsync_private.long_values(text[])
  is 'How a target stores long bytea and text, by the compression methods of the server.';
