-- A value of a range for people: the time in UTC, or the integer.
create or replace function ampsync_private.range_text(
  p_range jsonb,
  p_value numeric
)
  returns text
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select case when p_range ->> 'format' = 'integer' then p_value::text
              else to_char(timezone(interval '0', ampsync_private.unix_instant(p_value, 'us')),
                           'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') end;
$$;

comment on function ampsync_private.range_text(jsonb, numeric)
  is 'A value of a range for people.';
