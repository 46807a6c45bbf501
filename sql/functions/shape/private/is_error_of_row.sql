-- Whether an error comes of the values of a row, and not of the server, its limits, locks or rights.
create or replace function ampsync_private.is_error_of_row(
  p_sqlstate text
)
  returns boolean
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select p_sqlstate !~ '^(08|25|40|53|54001|55|57|58|XX|42501)';
$$;

comment on function ampsync_private.is_error_of_row(text)
  is 'Whether an error comes of the values of a row.';
