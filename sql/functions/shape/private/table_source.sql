-- A table as a query reads it: without tables that inherit from it, but with its partitions.
create or replace function ampsync_private.table_source(
  p_relation regclass
)
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select case c.relkind when 'p' then '' else 'only ' end || c.oid::regclass
      from pg_class c
     where c.oid = p_relation);
end;
$$;

comment on function ampsync_private.table_source(regclass)
  is 'A table as a query reads it: without tables that inherit from it, but with its partitions.';
