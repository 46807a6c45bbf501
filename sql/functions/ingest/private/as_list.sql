-- A value of a definition that may stand for a list of one: the list, or an empty one if it is absent.
create or replace function ampsync_private.as_list(
  p_value jsonb
)
  returns jsonb
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select case when p_value is null then '[]' when jsonb_typeof(p_value) = 'array' then p_value
                else jsonb_build_array(p_value) end);
end;
$$;

comment on function ampsync_private.as_list(jsonb)
  is 'A value that may stand for a list of one, as a list; an empty one if it is absent.';
