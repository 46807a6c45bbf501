-- Captured tables that do not stand in the publication as they were put there, or whose replica
-- identity is not what it has to be: taken out, or taken out and put back, with a filter or a list of
-- columns; a weaker identity, new partitions; whole old rows that PostgreSQL would refuse by now. Not
-- those with which it failed a moment ago.
create or replace function ampsync_private.repair_candidates(
  p_with_failed boolean default false
)
  returns setof integer
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select p.published_id
    from ampsync_private.published p
    join pg_class c on c.oid = p.relation
    left join (pg_publication_rel r
               join pg_publication u on u.oid = r.prpubid and u.pubname = 'ampsync') on r.prrelid = p.relation
   where p.mode = 'rows'
     and p.state in ('starting', 'live')
     and (r.oid is null
          or p.state = 'starting' and p.error is not null
          or r.prqual is not null
          or r.prattrs is not null
          or p.storage -> 'publication' -- As in published_storage, which reads all of the table.
             <> jsonb_build_object('xmin', u.xmin::text, 'rel', r.oid::text, 'rel_xmin', r.xmin::text)
          or ampsync_private.identity_must_change(p.relation, p.identity)
          or p.identity = 'full' and ampsync_private.full_obstacle(p.relation) is not null)
     and (p_with_failed or p.error is null or p.since < ampsync_private.now() - interval '10 s')
   order by p.published_id;
$$;

comment on function ampsync_private.repair_candidates(boolean)
  is 'Captured tables that do not stand in the publication as they were put there.';
