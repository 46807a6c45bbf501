-- The change of a definition by which fewer pages are asked for: the number that says how many records a page has,
-- twice as large, where a parameter is called so (below 10 it may be a flag, or a place; and names that mean other
-- things too come last); else windows of a day, where the range can be cut into them; else the
-- parameters as they are, for somebody to look at.
create or replace function ampsync_private.larger_pages(
  p_source jsonb
)
  returns jsonb
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    (select jsonb_build_object(p.place, p_source -> p.place
                                        || jsonb_build_object(e.key, 2 * (e.value #>> '{}')::bigint))
       from unnest('{query,body}'::text[]) with ordinality p(place, n)
      cross join lateral jsonb_each(coalesce(p_source -> p.place, '{}')) e
      where e.key ~* '(^|[^a-z])(limit|size|per_?page|count|max_?results|top|first|rows)([^a-z]|$)|(page|batch)_?size'
        and e.value #>> '{}' ~ '^[1-9][0-9]{1,8}$'
      order by p.n, e.key ~* '(^|[^a-z])(count|top|first|rows)([^a-z]|$)', e.key
      limit 1),
    (select jsonb_build_object('range', p_source -> 'range' || '{"step": "1 day"}')
      where p_source -> 'range' ?& '{from,until}'
        and not p_source -> 'range' ? 'step'
        and p_source #>> '{range,format}' <> 'integer'
        and p_source ? 'key'
        and p_source ->> 'on_conflict' is distinct from 'replace'),
    jsonb_build_object('query', coalesce(p_source -> 'query', '{}')));
$$;

comment on function ampsync_private.larger_pages(jsonb)
  is 'The change of a definition by which fewer pages are asked for.';
