-- The columns of the key of an index, in its order: without those that it only includes.
create or replace function ampsync_private.index_key_columns(
  p_index oid
)
  returns smallint[]
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select (i.indkey::smallint[])[0:i.indnkeyatts - 1]
    from pg_index i
   where i.indexrelid = p_index;
$$;

comment on function ampsync_private.index_key_columns(oid)
  is 'The columns of the key of an index, without those that it only includes.';
