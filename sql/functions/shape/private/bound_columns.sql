-- The columns that a shape binds, in the order of the parts of its keys.
create or replace function ampsync_private.bound_columns(
  p_bind jsonb
)
  returns text[]
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(array_agg(b.name order by b.name collate "C"), '{}')
      from jsonb_object_keys(p_bind) b(name));
end;
$$;

comment on function ampsync_private.bound_columns(jsonb)
  is 'The columns that a shape binds, in the order of the parts of its keys.';
