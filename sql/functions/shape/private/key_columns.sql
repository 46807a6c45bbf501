-- The columns of the primary key of a table, in its order; of a table that is gone in the order of the table.
--
-- In PL/pgSQL, which keeps plans.
create or replace function ampsync_private.key_columns(
  p_table   ampsync_private.published,
  p_columns jsonb
)
  returns table (n bigint, name text)
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  return query
    select coalesce(k.n, c.n), c.col ->> 'name'
      from jsonb_array_elements(p_columns) with ordinality c(col, n)
      left join pg_index i on i.indrelid = p_table.relation and i.indisprimary
      left join lateral unnest(ampsync_private.index_key_columns(i.indexrelid)) with ordinality k(attnum, n)
             on k.attnum = (c.col ->> 'attnum')::smallint
     where (c.col ->> 'key')::boolean;
end;
$$;

comment on function ampsync_private.key_columns(ampsync_private.published, jsonb)
  is 'The columns of the primary key of a table, in its order.';
