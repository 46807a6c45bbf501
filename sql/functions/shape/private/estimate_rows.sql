-- How many rows the planner expects an instance of a shape to have.
create or replace function ampsync_private.estimate_rows(
  p_shape_id integer,
  p_key      text
)
  returns bigint
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set row_security = off
as $$
declare
  v_found record := ampsync_private.readable_shape(p_shape_id);
  v_plan  json;
begin
  execute 'explain (format json) '
          || ampsync_private.shape_select(v_found.shape, v_found.published, v_found.columns, null, array[p_key])
     into v_plan;
  return (v_plan -> 0 -> 'Plan' ->> 'Plan Rows')::numeric::bigint;
end;
$$;

comment on function ampsync_private.estimate_rows(integer, text)
  is 'How many rows the planner expects an instance of a shape to have.';
