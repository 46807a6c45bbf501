-- What the headers of one answer tell, as rows; no row if they tell nothing. Servers may tell any
-- number: what no window can have becomes the greatest that one can.
create or replace function ampsync_private.told_items(
  p_told jsonb
)
  returns table (per_s integer, requests integer, remaining integer, reset_s double precision)
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  return query
  select ampsync_private.at_most((e ->> 'window')::numeric, 2147483647),
         ampsync_private.at_most((e ->> 'limit')::numeric, 2147483647),
         ampsync_private.at_most((e ->> 'remaining')::numeric, 2147483647),
         (e ->> 'reset')::double precision
    from jsonb_array_elements(nullif(p_told, 'null')) e;
end;
$$;

comment on function ampsync_private.told_items(jsonb)
  is 'What the rate limit headers of one answer tell, one row per window.';
