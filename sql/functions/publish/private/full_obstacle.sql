-- Why PostgreSQL would refuse UPDATE and DELETE on a table whose replica identity is full: another
-- publication has a list of its columns, or columns of it are virtual. Null: it would not.
create or replace function ampsync_private.full_obstacle(
  p_relation regclass
)
  returns text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    (select 'another publication lists columns of it: ' || string_agg(distinct quote_ident(p.pubname), ', ')
       from ampsync_private.identity_tables(p_relation) t
       join pg_publication_rel r on r.prrelid = t.relation
       join pg_publication p on p.oid = r.prpubid
      where p.pubname <> 'ampsync' and r.prattrs is not null and (p.pubupdate or p.pubdelete)),
    (select 'columns of it are virtual: ' || string_agg(quote_ident(a.attname), ', ')
       from pg_attribute a
      where a.attrelid = p_relation and a.attgenerated = 'v' and not a.attisdropped));
$$;

comment on function ampsync_private.full_obstacle(regclass)
  is 'Why PostgreSQL would refuse UPDATE and DELETE on a table with replica identity full.';
