-- Whether a name is that of a schema in which there are no targets: one of PostgreSQL, of ampsync or of
-- its queue, or a name that looks like one, or is none.
create or replace function ampsync_private.is_reserved_schema(
  p_schema text
)
  returns boolean
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select p_schema = '' or octet_length(p_schema) > 63
      or p_schema ~ '(^[[:space:]]|[[:space:]]$|[[:cntrl:]])' or p_schema ~* '^pg_'
      or lower(p_schema) in ('information_schema', 'ampsync', 'ampsync_worker', 'ampsync_private')
      or (lower(p_schema) = 'public' and p_schema <> 'public')
      or p_schema in (select q.schema_name from ampsync_private.queue q);
$$;

comment on function ampsync_private.is_reserved_schema(text)
  is 'Whether a name is that of a schema in which there are no targets.';
