-- SQL for the columns of a row `x` as clients have them: enums as text, domains as their base type. Generated ones are
-- left out: clients generate them.
create or replace function ampsync_private.client_values_sql(
  p_shape   ampsync_private.shape,
  p_columns jsonb
)
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select string_agg(
             format(case when ampsync_private.base_type(c.type) = ampsync_private.client_type(c.type)
                           then 'x.%1$I::%2$s as %1$I'
                         -- By the output functions of types: casts may be others' code.
                         when c.client_type like '%[]'
                           then '(case when x.%1$I is not null then concat(x.%1$I) end)::%2$s as %1$I'
                         else 'case when x.%1$I is not null then concat(x.%1$I) end as %1$I' end,
                    c.name, c.client_type), ', ' order by c.n)
      from ampsync_private.shape_columns(p_shape, p_columns) c
     where c.generated is null);
end;
$$;

comment on function ampsync_private.client_values_sql(ampsync_private.shape, jsonb)
  is 'SQL for the columns of a row x as clients have them.';
