-- What makes the rows of a captured table what they were, each with the statement that ampsync.restore_table then runs
-- with its caller's rights, whose parameters are old_data and data. Nothing is written here. See ampsync.restore_table
-- for what is refused.
--
-- Locks: the table and its partitions (share row exclusive).
create or replace function ampsync.plan_table(
  target regclass,
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
  v_position bigint := ampsync_private.settle_history(plan_table.target, null, null, plan_table.at,
                         'share row exclusive', '{select,insert,update,delete}', 'restore_table');
begin
  return query
    select d.operation, d.row_key, d.old_data, d.data,
           ampsync_private.restoring_statement(plan_table.target, d.old_data, d.data)
      from ampsync_private.table_difference(ampsync_private.rebuildable_table(plan_table.target), v_position) d;
end;
$$;

comment on function ampsync.plan_table(regclass, text)
  is 'What ampsync.restore_table would write, and by which statements.';
