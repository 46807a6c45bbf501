-- Statements that put a table into the publications of the one that it replaces, with their column
-- lists and row filters, to be executed once it has that one's name, p_name. Publications of all
-- tables, or of its schema, have it anyway.
create or replace function ampsync_private.publication_steps(
  p_old regclass,
  p_name text
)
  returns table (class_id oid, object_id oid, ddl text)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select 'pg_publication_rel'::regclass::oid, r.oid,
         format('alter publication %I add table only %s%s%s', p.pubname, p_name,
                (select ' (' || string_agg(quote_ident(a.attname), ', ' order by a.attnum) || ')'
                   from pg_attribute a
                  where a.attrelid = r.prrelid and a.attnum = any (r.prattrs)),
                ' where (' || pg_get_expr(r.prqual, r.prrelid) || ')')
    from pg_publication_rel r
    join pg_publication p on p.oid = r.prpubid
   where r.prrelid = p_old;
$$;

comment on function ampsync_private.publication_steps(regclass, text)
  is 'Statements that put a table into the publications of the one that it replaces.';
