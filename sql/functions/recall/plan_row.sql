-- What makes one row of a captured table what it was: at most one row, with the statement that ampsync.restore_row then
-- runs with its caller's rights, whose parameters are old_data and data. Nothing is written here. See
-- ampsync.restore_row for what is refused.
--
-- Locks: the row.
create or replace function ampsync.plan_row(
  target regclass,
  key    jsonb,
  at     text
)
  returns table (operation text, row_key jsonb, old_data jsonb, data jsonb, statement text)
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_table    ampsync_private.published := ampsync_private.rebuildable_table(plan_row.target);
  v_key      text;
  v_position bigint;
  v_was      record;
begin
  perform ampsync_private.check_may_look_back(plan_row.target::text, plan_row.target,
                                              '{select,insert,update,delete}');
  perform ampsync_private.check_read_committed('restore_row');
  perform ampsync_private.check_capture_begun();
  v_key := ampsync_private.history_key(v_table.published_id, plan_row.key);
  old_data := ampsync_private.lock_row(v_table, v_key);
  perform ampsync_private.await_capture('10 s');

  v_table := ampsync_private.rebuildable_table(plan_row.target);
  v_position := ampsync_private.history_position(null, plan_row.at);
  perform ampsync_private.check_in_history(v_table, v_position);
  perform ampsync_private.check_row_logged(v_table, v_key, old_data);

  v_was := ampsync_private.row_as_of(v_table, v_key, v_position);
  if v_was.is_as_now then
    return;
  end if;
  data := v_was.data;
  if old_data is null and data is null or old_data @> data then
    return;
  end if;
  operation := case when old_data is null then 'insert' when data is null then 'delete' else 'update' end;
  row_key := v_key::jsonb;
  statement := ampsync_private.restoring_statement(plan_row.target, old_data, data);
  return next;
end;
$$;

comment on function ampsync.plan_row(regclass, jsonb, text)
  is 'What ampsync.restore_row would write, and by which statement.';
