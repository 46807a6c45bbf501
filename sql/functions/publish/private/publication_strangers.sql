-- Tables in the publication that are not published in mode rows: somebody else put them there.
create or replace function ampsync_private.publication_strangers()
  returns setof regclass
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select r.prrelid::regclass
    from pg_publication_rel r
    join pg_publication p on p.oid = r.prpubid
   where p.pubname = 'ampsync'
     and not exists (select from ampsync_private.published t where t.relation = r.prrelid and t.mode = 'rows');
$$;

comment on function ampsync_private.publication_strangers()
  is 'Tables in the publication that somebody else put there.';
