-- How many requests of a source may be under way at once: see full_source. What is given moves the
-- defaults of the others.
create or replace function ampsync_private.full_concurrency(
  p_source jsonb
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
    select jsonb_build_object(
             'start', coalesce(c.start, greatest(least(5, m.max), c.min)),
             'min', coalesce(c.min, least(2, c.start, m.max)),
             'max', m.max)
      from jsonb_to_record(coalesce(p_source -> 'concurrency', '{}')) c (start numeric, min numeric, max numeric)
     cross join lateral (select coalesce(c.max, greatest(10, c.start, c.min)) as max) m);
end;
$$;

comment on function ampsync_private.full_concurrency(jsonb)
  is 'How many requests of a source may be under way at once.';
