-- The greatest value of a range that may become the mark from which later runs go on: a day after a time, in
-- which there is room for zones and clocks. What lies beyond is a fault of the API, and one such record would
-- otherwise stop its source for ever. Null for integers, of which nothing tells such a one.
create or replace function ampsync_private.mark_limit(
  p_range jsonb,
  p_time  timestamptz
)
  returns numeric
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when p_range ->> 'format' <> 'integer'
              then trunc(extract(epoch from p_time + interval '1 day') * 1000000) end;
end;
$$;

comment on function ampsync_private.mark_limit(jsonb, timestamptz)
  is 'The greatest value of a range that may become the mark of its source.';
