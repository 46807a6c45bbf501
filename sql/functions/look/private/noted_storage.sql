-- Storage as it is kept, of one that was read: what was only read to judge leaves is left out.
create or replace function ampsync_private.noted_storage(
  p_storage jsonb
)
  returns jsonb
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_set(p_storage, '{leaves}', (
           select coalesce(jsonb_object_agg(l.oid, l.what - '{empty,emptied_by}'::text[]), '{}')
             from jsonb_each(p_storage -> 'leaves') l(oid, what)));
$$;

comment on function ampsync_private.noted_storage(jsonb)
  is 'Storage as it is kept: without what was read to judge leaves.';
