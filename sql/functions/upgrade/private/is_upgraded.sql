-- Whether a table is among those that the new version of an upgrade has and the sync wants.
create or replace function ampsync_private.is_upgraded(
  p_upgrade    ampsync_private.upgrade,
  p_table_name text
)
  returns boolean
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(p_upgrade.tables @> jsonb_build_array(jsonb_build_object('table', p_table_name)), false);
$$;

comment on function ampsync_private.is_upgraded(ampsync_private.upgrade, text)
  is 'Whether a table is among those of an upgrade.';
