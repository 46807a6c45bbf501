-- Whether a field of records can become a column of a table: its name has 63 bytes at most, and is not one that the
-- table has already, be that a system column or one of the user's own.
create or replace function ampsync_private.can_be_column(
  p_target regclass,
  p_field  text
)
  returns boolean
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select p_field <> ''
         and octet_length(p_field) <= 63
         and not exists (select 1
                           from pg_attribute a
                          where a.attrelid = p_target
                            and a.attname = p_field
                            and not a.attisdropped);
$$;

comment on function ampsync_private.can_be_column(regclass, text)
  is 'Whether a field of records can become a column of a table.';
