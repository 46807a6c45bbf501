-- SQL for the key of the instance that a row `x` belongs to, null where a bound column is NULL: the JSON array of the
-- texts of the bound columns. concat() calls the output functions of types; a cast would not (boolean).
create or replace function ampsync_private.instance_key_sql(
  p_bind jsonb
)
  returns text
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select case when cardinality(b.names) = 0 then '''[]'''
                else (select format('case when %s then jsonb_build_array(%s)::text end',
                                    string_agg(format('x.%I is not null', c.name), ' and ' order by c.n),
                                    string_agg(format('concat(x.%I)', c.name), ', ' order by c.n))
                        from unnest(b.names) with ordinality c(name, n)) end
      from ampsync_private.bound_columns(p_bind) b(names));
end;
$$;

comment on function ampsync_private.instance_key_sql(jsonb)
  is 'SQL for the key of the instance that a row x belongs to.';
