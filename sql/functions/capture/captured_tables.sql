-- What a pass has to know of the tables that it decodes:
-- [{"relation","leaves":["<oid>"],"columns":[{"name","key","generated"}],"identity"}], as they are noted where the log
-- stands, not as they are now.
create or replace function ampsync_worker.captured_tables()
  returns jsonb
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_agg(jsonb_build_object(
           'relation', p.relation::oid::text,
           'leaves',   (select coalesce(jsonb_agg(l.leaf::text), '[]')
                          from unnest(ampsync_private.captured_leaves(p.relation)) l(leaf)),
           'columns',  (select coalesce(jsonb_agg(jsonb_build_object(
                                 'name', c.value -> 'name', 'key', c.value -> 'key',
                                 'generated', c.value ->> 'generated' is not null) order by c.ordinality), '[]')
                          from jsonb_array_elements(p.columns) with ordinality c),
           'identity', p.identity) order by p.published_id), '[]')
    from ampsync_private.published p
   where p.mode = 'rows'
     and p.state <> 'ended'
     and p.relation is not null;
$$;

comment on function ampsync_worker.captured_tables()
  is 'The captured tables as a pass has to know them.';
