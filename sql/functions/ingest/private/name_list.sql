-- A list of columns for a statement, quoted where they need it: {a,b} is `a, b`, of the alias t
-- `t.a, t.b`.
create or replace function ampsync_private.name_list(
  p_names text[],
  p_alias text default null
)
  returns text
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select string_agg(concat(p_alias || '.', quote_ident(n.name)), ', ' order by n.n)
    from unnest(p_names) with ordinality n(name, n);
$$;

comment on function ampsync_private.name_list(text[], text)
  is 'A list of columns for a statement.';
