-- Whether the table of a stream is among those that the new version of an upgrade has and the
-- sync wants. One that reads a query is not: an upgrade passes over it.
create or replace function ampsync_private.is_upgraded(
  p_upgrade ampsync_private.upgrade,
  p_stream  ampsync_private.stream
)
  returns boolean
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return p_stream.query is null
     and coalesce((p_upgrade).tables @> jsonb_build_array(jsonb_build_object('table', p_stream.table_name)), false);
end;
$$;

comment on function ampsync_private.is_upgraded(ampsync_private.upgrade, ampsync_private.stream)
  is 'Whether the table of a stream is among those of an upgrade.';
