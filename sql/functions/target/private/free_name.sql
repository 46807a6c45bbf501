-- A table name that is free in its schema, for hints whose statements move a table out of the
-- way.
create or replace function ampsync_private.free_name(
  p_schema text,
  p_table  text
)
  returns text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select c.name
    from generate_series(1, 1000) n(n)
   cross join lateral (select ampsync_private.cut_name(p_table, 58) || '_' || n.n as name) c
   where to_regclass(format('%I.%I', p_schema, c.name)) is null
   order by n.n
   limit 1;
$$;

comment on function ampsync_private.free_name(text, text)
  is 'A free table name next to a table, for statements in hints.';
