-- The column by which the newest of two versions of a record can be told: that of the field of the
-- range, if its type has an order. Null if there is none.
create or replace function ampsync_private.newest_column(
  p_source jsonb
)
  returns text
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select c.name
    from jsonb_to_recordset(ampsync_private.full_columns(p_source)) c (name text, "from" text, type text)
   where c."from" = p_source #>> '{range,field}'
     and ampsync_private.is_ordered(c.type)
   limit 1;
$$;

comment on function ampsync_private.newest_column(jsonb)
  is 'The column by which the newest of two versions of a record can be told.';
