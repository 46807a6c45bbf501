-- Lets a shape that has failed give rows again, checked anew: one whose filter failed on a row that is another one by
-- now, or whose table is published again, which it joins. Its clients load it anew. One that gives rows stays as it
-- is.
create or replace function ampsync.retry_shape(
  name text
)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set row_security = off
as $$
declare
  v_shape ampsync_private.shape := ampsync_private.find_shape(retry_shape.name);
  v_table ampsync_private.published;
begin
  select * into strict v_table from ampsync_private.published p where p.published_id = v_shape.published_id;
  if ampsync_private.shape_error(v_shape, v_table) is null then
    return;
  end if;
  v_shape.published_id := ampsync_private.shape_target(coalesce(
    v_table.relation, to_regclass(format('%I.%I', v_table.schema_name, v_table.table_name))));
  perform ampsync_private.make_shape(v_shape);
  notify ampsync_log;
end;
$$;

comment on function ampsync.retry_shape(text)
  is 'Let a shape that has failed give rows again.';
