-- Whether rows of a table can be upserted by these columns: there is a unique index on exactly them,
-- neither partial nor deferred.
create or replace function ampsync_private.has_key(
  p_table   regclass,
  p_columns text[]
)
  returns boolean
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select 1
      from pg_index i
     where i.indrelid = p_table
       and i.indisunique and i.indisvalid and i.indimmediate
       and i.indpred is null
       and i.indnkeyatts = cardinality(p_columns)
       and p_columns <@ array(select a.attname::text
                                from pg_attribute a
                               where a.attrelid = i.indrelid
                                 and a.attnum = any ((i.indkey::smallint[])[0:i.indnkeyatts - 1])));
$$;

comment on function ampsync_private.has_key(regclass, text[])
  is 'Whether rows of a table can be upserted by these columns.';
