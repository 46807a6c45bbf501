-- Whether a shape of clients names, in its columns, its binding or its filter, a column that a table has no more or has
-- with another type: rows of before are not judged by what it says now.
create or replace function ampsync_private.shapes_lose(
  p_table   ampsync_private.published,
  p_columns jsonb
)
  returns boolean
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select 1
      from ampsync_private.shape s
     cross join jsonb_array_elements(p_table.columns) n(col)
     where s.published_id = p_table.published_id
       and not exists (select 1
                         from jsonb_array_elements(p_columns) f(col)
                        where f.col ->> 'name' = n.col ->> 'name'
                          and f.col ->> 'type' = n.col ->> 'type'
                          and f.col ->> 'typmod' = n.col ->> 'typmod')
       and (n.col ->> 'name' = any (s.columns)
            or s.bind ? (n.col ->> 'name')
            or n.col ->> 'name' = any (s.filter_columns)));
$$;

comment on function ampsync_private.shapes_lose(ampsync_private.published, jsonb)
  is 'Whether a shape of clients names a column that a table loses.';
