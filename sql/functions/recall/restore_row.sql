-- Makes one row of a captured table what it was, by an ordinary write: it is captured like any other and reaches every
-- reader. Returns what was changed; no row: nothing had to be.
--
-- key          {"id": "…"}: each column of the primary key
-- at           a position of the log or a time that is past, as text: ampsync.table_as_of says what is refused
-- search_path  that of the statement that writes, and so of the triggers that it fires: by default the caller's, behind
--              pg_catalog. pg_temp is last in it, unless it names it
--
-- The row alone is locked; the call waits until what was written before is in the log. A column that was added since
-- becomes what it was before the first change of the row since. 25001 if this transaction has written the row
-- itself. Needs SELECT, INSERT, UPDATE and DELETE on the table.
--
-- Locks: the row.
create or replace function ampsync.restore_row(
  target      regclass,
  key         jsonb,
  at          text,
  search_path text default current_setting('search_path') -- That of the caller: ours is set after it is evaluated.
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
  v_path      text := concat_ws(', ', 'pg_catalog', nullif(restore_row.search_path, ''), 'pg_temp');
begin
  for operation, row_key, old_data, data, v_statement in
    select p.operation, p.row_key, p.old_data, p.data, p.statement
      from ampsync.plan_row(restore_row.target, restore_row.key, restore_row.at) p
  loop
    perform set_config('search_path', v_path, true);
    execute v_statement using old_data, data;
    get diagnostics v_written = row_count;
    perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true); -- Ours again.
    if v_written <> 1 then
      raise exception using
        errcode = '55000',
        message = format('a row of %s could not be restored', restore_row.target),
        detail  = format('%s rows were written instead of one: a trigger or rule keeps it.', v_written),
        hint    = format('select tgname from pg_trigger where tgrelid = %L::regclass and not tgisinternal;',
                         restore_row.target::text);
    end if;
    return next;
  end loop;
end;
$$;

comment on function ampsync.restore_row(regclass, jsonb, text, text)
  is 'Make one row of a captured table what it was; returns what was changed.';
