-- Whether values of a type of column say which of two records is newer.
create or replace function ampsync_private.is_ordered(
  p_type text
)
  returns boolean
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select p_type in ('smallint', 'integer', 'bigint', 'numeric', 'double precision', 'date', 'timestamptz');
$$;

comment on function ampsync_private.is_ordered(text)
  is 'Whether values of a type of column say which of two records is newer.';
