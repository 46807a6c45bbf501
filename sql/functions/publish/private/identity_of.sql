-- The replica identity of a table: d, n, f, or i: and the name of the index.
create or replace function ampsync_private.identity_of(
  p_relation regclass
)
  returns text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select case when c.relreplident = 'i' then 'i:' || coalesce(x.relname, '') else c.relreplident::text end
    from pg_class c
    left join (pg_index i join pg_class x on x.oid = i.indexrelid) on i.indrelid = c.oid and i.indisreplident
   where c.oid = p_relation;
$$;

comment on function ampsync_private.identity_of(regclass)
  is 'The replica identity of a table: d, n, f, or i: and the name of its index.';
