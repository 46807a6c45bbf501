-- The predicate of an index as it is stored and used from then on: with constants as every session reads them, whatever
-- the settings of the one that made it.
create or replace function ampsync_private.filter_text(
  p_index regclass
)
  returns text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set "TimeZone" = 'UTC'
  set "DateStyle" = 'ISO, MDY'
  set "IntervalStyle" = 'postgres'
  set bytea_output = 'hex'
  set extra_float_digits = 1
as $$
  select pg_get_expr(i.indpred, i.indrelid)
    from pg_index i
   where i.indexrelid = p_index;
$$;

comment on function ampsync_private.filter_text(regclass)
  is 'The predicate of an index, with constants as every session reads them.';
