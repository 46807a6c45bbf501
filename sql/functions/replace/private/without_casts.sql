-- A definition without its casts and parentheses. PostgreSQL writes both by the types of the
-- columns, so that the same definition reads differently on a table with other types:
-- (amount > 0), (amount > (0)::numeric). For comparison alone.
create or replace function ampsync_private.without_casts(
  p_definition text
)
  returns text
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select regexp_replace(
           regexp_replace(p_definition, '::("([^"]|"")*"|[a-z_0-9. ])+([(][0-9, ]+[)])?([[][]])?', '', 'g'),
           '[() ]', '', 'g');
$$;

comment on function ampsync_private.without_casts(text)
  is 'A definition without its casts and parentheses, to compare definitions on tables with other types.';
