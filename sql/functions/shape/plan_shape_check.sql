-- What ampsync.check_shape compares: the keys of the rows that a shape gives to a client with these claims and
-- parameters, and the statement that reads those which a role sees, to be run as that role.
create or replace function ampsync.plan_shape_check(
  name   text,
  claims jsonb,
  params jsonb
)
  returns table (shape_keys text[], statement text)
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set row_security = off
as $$
declare
  v_found record := ampsync_private.readable_shape((ampsync_private.find_shape(plan_shape_check.name)).shape_id);
  v_text  record := ampsync_private.row_as_text((v_found.published).relation);
  v_from  text := ampsync_private.table_source((v_found.published).relation);
begin
  execute format('select array(select (select %s from (select x.*) r) from %s x where %s)', v_text.key_sql, v_from,
                 concat_ws(' and ', ampsync_private.instances_sql(
                                      v_found.shape, v_found.columns,
                                      ampsync_private.instance_keys((v_found.shape).shape_id, plan_shape_check.claims,
                                                                    plan_shape_check.params)),
                           '(' || (v_found.shape).filter || ')', ampsync_private.window_sql(
                                      v_found.shape, v_found.published, null), 'true'))
     into shape_keys;
  statement := format('select array(select %s from %s r)', v_text.key_sql, v_from);
  return next;
end;
$$;

comment on function ampsync.plan_shape_check(text, jsonb, jsonb)
  is 'What ampsync.check_shape compares.';
