-- HTTP sources of which publish_dataset was called and whose tables are made, but not published: a source makes
-- its table in its first pass, and anew where it was dropped. Not those that were refused within the last minute.
create or replace function ampsync_private.sources_to_publish()
  returns table (dataset_id bigint, target regclass)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select d.dataset_id, c.oid::regclass
    from ampsync_private.dataset d
    join ampsync_private.stream s using (dataset_id)
    join pg_class c on c.oid = s.target
   where d.published
     and d.kind = 'http'
     and s.shadow_of is null
     and coalesce(d.publish_tried < ampsync_private.now() - interval '1 min', true)
     and not exists (select from ampsync_private.published p where p.relation = s.target)
   order by d.publish_tried nulls first, d.dataset_id;
$$;

comment on function ampsync_private.sources_to_publish()
  is 'HTTP sources that are to be published and whose tables are made, but not published yet.';
