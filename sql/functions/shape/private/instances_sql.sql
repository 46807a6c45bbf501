-- The condition that a row `x` belongs to one of these instances of a shape, in the form that an index on the bound
-- columns serves; null where all rows do.
--
-- p_keys  of instances; null: all
create or replace function ampsync_private.instances_sql(
  p_shape   ampsync_private.shape,
  p_columns jsonb,
  p_keys    text[]
)
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    with bound as (
      select b.name, b.n, t.type, format(case when t.of = c.type then 'x.%1$I' else 'x.%1$I::%2$s' end, -- A domain.
                                         b.name, t.type) as value
        from unnest(ampsync_private.bound_columns(p_shape.bind)) with ordinality b(name, n)
        join (select e.col ->> 'name' as name, (e.col ->> 'type')::oid as type
                from jsonb_array_elements(p_columns) e(col)) c using (name)
       cross join lateral (select ampsync_private.base_type(c.type) as of,
                                  format_type(ampsync_private.base_type(c.type), null) as type) t
    ), part as (
      select b.n, b.type, b.value,
             (select array_agg(k.key::jsonb ->> (b.n::integer - 1) order by k.i)
                from unnest(p_keys) with ordinality k(key, i)) as texts
        from bound b
    )
    select case
      when not exists (select from bound) then null
      when p_keys is null
        then (select string_agg(format('x.%I is not null', b.name), ' and ' order by b.n) from bound b)
      when cardinality(p_keys) = 0 then 'false'
      when cardinality(p_keys) = 1
        then (select string_agg(format('%s = %L::%s', p.value, p.texts[1], p.type), ' and ' order by p.n) from part p)
      when (select count(*) from bound) = 1
        then (select format('%s = any (%L::%s[])', p.value, p.texts::text, p.type) from part p)
      else (select format('(%s) in (select * from unnest(%s))',
                          string_agg(p.value, ', ' order by p.n),
                          string_agg(format('%L::%s[]', p.texts::text, p.type), ', ' order by p.n))
              from part p) end);
end;
$$;

comment on function ampsync_private.instances_sql(ampsync_private.shape, jsonb, text[])
  is 'The condition that a row x belongs to one of these instances of a shape.';
