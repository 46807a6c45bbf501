-- The columns of an index as CREATE INDEX takes them, each quoted. Reads nothing: a view calls
-- it.
create or replace function ampsync_private.index_column_list(
  p_columns text[],
  p_options smallint[]
)
  returns text
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select string_agg(quote_ident(c.name)
                    || case c.options when 0 then '' when 1 then ' desc nulls last'
                                      when 2 then ' nulls first' else ' desc' end,
                    ', ' order by c.position)
    from unnest(p_columns, p_options) with ordinality c(name, options, position);
$$;

comment on function ampsync_private.index_column_list(text[], smallint[])
  is 'The columns of an index as CREATE INDEX takes them.';
