-- A definition written so that ampsync.enqueue_http makes it of the one that is stored: keys that only
-- that one has are null.
create or replace function ampsync_private.as_change(
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
  select coalesce(jsonb_object_agg(k.name, null), '{}') || p_new
    from jsonb_object_keys(p_old) k (name);
$$;

comment on function ampsync_private.as_change(jsonb, jsonb)
  is 'A definition as the change that makes it of the one that is stored.';
