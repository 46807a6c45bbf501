-- The columns of the key of an index, in its order: without those that it only includes.
--
-- In PL/pgSQL, which keeps plans.
create or replace function ampsync_private.index_key_columns(
  p_index oid
)
  returns smallint[]
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select (i.indkey::smallint[])[0:i.indnkeyatts - 1]
      from pg_index i
     where i.indexrelid = p_index);
end;
$$;

comment on function ampsync_private.index_key_columns(oid)
  is 'The columns of the key of an index, without those that it only includes.';
