-- The columns that a source maps, in the order of its table: those of the key in their order, then
-- the others as jsonb keeps names (shorter ones first), with documents, which are long, last.
-- Without any: the key as text, and `data`, the whole record. See full_source.
create or replace function ampsync_private.full_columns(
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
    with key as (
      select k.name, k.n
        from jsonb_array_elements_text(
               case jsonb_typeof(p_source -> 'key') when 'array' then p_source -> 'key' else '[]' end)
             with ordinality k (name, n)
    ),
    given as (
      select c.name, case jsonb_typeof(c.value) when 'string' then jsonb_build_object('type', c.value)
                                                else c.value end as value, c.n
        from jsonb_each(p_source -> 'columns') with ordinality c (name, value, n)
       union all
      select k.name, '{}', k.n
        from key k
       where not p_source ? 'columns'
       union all
      select 'data', '{"from": "", "type": "jsonb"}', 0
       where not p_source ? 'columns'
    )
    select jsonb_agg(jsonb_build_object(
             'name', g.name,
             'from', coalesce(g.value ->> 'from', '/' || replace(replace(g.name, '~', '~0'), '/', '~1')),
             'type', coalesce(g.value ->> 'type', 'text'),
             'unit', g.value -> 'unit',
             'not_null', k.name is not null or coalesce((g.value -> 'not_null')::boolean, false))
             order by k.n, coalesce(g.value ->> 'type' = 'jsonb', false), g.n)
      from given g
      left join key k using (name));
end;
$$;

comment on function ampsync_private.full_columns(jsonb)
  is 'The columns that a source maps, in the order of its table, with every option.';
