-- A definition with the keys of another one in place of its own; null removes a key.
create or replace function ampsync_private.merge_source(
  p_old jsonb,
  p_new jsonb
)
  returns jsonb
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_object_agg(e.key, e.value), '{}')
    from jsonb_each(p_old || coalesce(p_new, '{}')) e
   where e.value <> 'null';
$$;

comment on function ampsync_private.merge_source(jsonb, jsonb)
  is 'A definition with the keys of another one in place of its own; null removes a key.';
