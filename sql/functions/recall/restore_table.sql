-- Makes the rows of a captured table what they were, by ordinary writes: they are captured like any other and reach
-- every reader. Returns what is changed; with dry_run, which is the default, nothing is.
--
-- at           a position of the log or a time that is past, as text: ampsync.table_as_of says what is refused
-- search_path  as of ampsync.restore_row
--
-- A column that was added since becomes what it was before the first change of the row since. Needs SELECT, INSERT,
-- UPDATE and DELETE on the table.
--
-- Locks: the table and its partitions (share row exclusive), its rows.
create or replace function ampsync.restore_table(
  target      regclass,
  at          text,
  dry_run     boolean default true,
  search_path text    default current_setting('search_path') -- That of the caller: ours is set after it is evaluated.
)
  returns table (operation text, row_key jsonb, old_data jsonb, data jsonb)
  language plpgsql
  volatile
  security invoker -- Triggers and other code of the table's owner run with the rights of the caller, not with ours.
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_statement text;
  v_written   bigint;
  -- What pg_catalog has is never taken from elsewhere, by the statement that writes either.
  v_path      text := concat_ws(', ', 'pg_catalog', nullif(restore_table.search_path, ''), 'pg_temp');
begin
  for operation, row_key, old_data, data, v_statement in
    select p.operation, p.row_key, p.old_data, p.data, p.statement
      from ampsync.plan_table(restore_table.target, restore_table.at) p
  loop
    if not restore_table.dry_run then
      perform set_config('search_path', v_path, true);
      execute v_statement using old_data, data;
      get diagnostics v_written = row_count;
      perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true); -- Ours again.
      if v_written <> 1 then
        raise exception using
          errcode = '55000',
          message = format('a row of %s could not be restored', restore_table.target),
          detail  = format('%s rows were written instead of one: a trigger or rule keeps it.', v_written),
          hint    = format('select tgname from pg_trigger where tgrelid = %L::regclass and not tgisinternal;',
                           restore_table.target::text);
      end if;
    end if;
    return next;
  end loop;
end;
$$;

comment on function ampsync.restore_table(regclass, text, boolean, text)
  is 'Make the rows of a captured table what they were; by default only show what would change.';
