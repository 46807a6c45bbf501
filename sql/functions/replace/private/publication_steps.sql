-- Statements that put a table into the publications of the one that it replaces, with their column
-- lists and row filters, to be executed once it has that one's name, p_name. Publications of all
-- tables, or of its schema, have it anyway.
--
-- The catalogue of PostgreSQL 14 has neither column lists nor row filters.
create or replace function ampsync_private.publication_steps(
  p_old regclass,
  p_name text
)
  returns table (class_id oid, object_id oid, ddl text)
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return query execute format($sql$
    select 'pg_publication_rel'::regclass::oid, r.oid, format('alter publication %%I add table only %%s%%s%%s',
             p.pubname, $2, %s, %s)
      from pg_publication_rel r
      join pg_publication p on p.oid = r.prpubid
     where r.prrelid = $1
  $sql$,
  case when current_setting('server_version_num')::integer >= 150000
       then $sql$ (select ' (' || string_agg(quote_ident(a.attname), ', ' order by a.attnum) || ')'
                     from pg_attribute a
                    where a.attrelid = r.prrelid and a.attnum = any (r.prattrs)) $sql$
       else 'null' end,
  case when current_setting('server_version_num')::integer >= 150000
       then $sql$ ' where (' || pg_get_expr(r.prqual, r.prrelid) || ')' $sql$
       else 'null' end)
  using p_old, p_name;
end;
$$;

comment on function ampsync_private.publication_steps(regclass, text)
  is 'Statements that put a table into the publications of the one that it replaces.';
