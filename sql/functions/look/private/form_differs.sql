-- Whether the catalogue has another name, other columns or another storage of a published table than is noted; cheap.
--
-- Locks: ACCESS SHARE on the table (published_columns), waiting for 300 ms at most: 55P03.
create or replace function ampsync_private.form_differs(
  p_published_id integer
)
  returns boolean
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '300ms'
as $$
  select c.oid is null
         or (n.nspname, c.relname) is distinct from (p.schema_name, p.table_name)
         or p.columns is distinct from ampsync_private.published_columns(p.relation)
         or p.storage - 'publication' is distinct from ampsync_private.published_storage(p.relation) - 'publication'
    from ampsync_private.published p
    left join pg_class c on c.oid = p.relation
    left join pg_namespace n on n.oid = c.relnamespace
   where p.published_id = p_published_id;
$$;

comment on function ampsync_private.form_differs(integer)
  is 'Whether the catalogue has a published table otherwise than noted.';
