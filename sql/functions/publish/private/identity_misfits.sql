-- Of a table and its partitions those whose replica identity is not what it has to be: weaker, or
-- full where it must be `key` because PostgreSQL would refuse UPDATE and DELETE.
create or replace function ampsync_private.identity_misfits(
  p_relation regclass,
  p_identity text
)
  returns setof regclass
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select t.relation
    from ampsync_private.identity_tables(p_relation) t
   where not ampsync_private.identity_fits(t.relation, p_identity)
      or p_identity = 'key' and ampsync_private.identity_of(t.relation) = 'f'
         and ampsync_private.full_obstacle(p_relation) is not null
   order by t.relation::oid;
$$;

comment on function ampsync_private.identity_misfits(regclass, text)
  is 'Of a table and its partitions those whose replica identity is not what it has to be.';
