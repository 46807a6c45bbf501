-- The latest time among the values of a range, if it is one of times.
--
-- p_high: {"<part>": n}
create or replace function ampsync_private.range_time(
  p_range jsonb,
  p_high  jsonb
)
  returns timestamptz
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select max(ampsync_private.unix_instant(h.value::numeric, 'us'))
    from jsonb_each_text(p_high) h
   where p_range ->> 'format' <> 'integer';
$$;

comment on function ampsync_private.range_time(jsonb, jsonb)
  is 'The latest time among the values of a range.';
