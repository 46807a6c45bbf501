-- A captured table as it was: one jsonb object a row, with the text form of each column but generated ones. It is
-- called with a name for that: select * from ampsync.table_as_of('public.todos', 1200) as t(todo jsonb).
--
-- at  a position of the log, a time that is past, or either as text
--
-- Its writers wait: the table is locked in SHARE mode to the end of the caller's transaction, and the call waits until
-- what was written before is in the log. Needs SELECT on the table, and is refused (42501) to whom its row level
-- security would restrict.
--
-- SY401: not captured, or without old rows (identity => 'key'). SY406: at that position the table cannot be rebuilt;
-- the hint has the first one at which it can. SY405: capture does not run. 25001: not READ COMMITTED, or in a
-- transaction that has written the table. 55P03: it could not be locked within 10 s.
--
-- Locks: the table and its partitions.
create or replace function ampsync.table_as_of(
  target regclass,
  at     bigint
)
  returns setof record
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_position bigint := ampsync_private.settle_history(target, at, null, null, 'share', '{select}', 'table_as_of');
begin
  return query
    select r.data
      from ampsync_private.rows_as_of(ampsync_private.rebuildable_table(target), v_position) r;
end;
$$;

comment on function ampsync.table_as_of(regclass, bigint)
  is 'A captured table as it was at a position of the log.';

create or replace function ampsync.table_as_of(
  target regclass,
  at     timestamptz
)
  returns setof record
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_position bigint := ampsync_private.settle_history(target, null, at, null, 'share', '{select}', 'table_as_of');
begin
  return query
    select r.data
      from ampsync_private.rows_as_of(ampsync_private.rebuildable_table(target), v_position) r;
end;
$$;

comment on function ampsync.table_as_of(regclass, timestamptz)
  is 'A captured table as it was at a time.';

create or replace function ampsync.table_as_of(
  target regclass,
  at     text
)
  returns setof record
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_position bigint := ampsync_private.settle_history(target, null, null, at, 'share', '{select}', 'table_as_of');
begin
  return query
    select r.data
      from ampsync_private.rows_as_of(ampsync_private.rebuildable_table(target), v_position) r;
end;
$$;

comment on function ampsync.table_as_of(regclass, text)
  is 'A captured table as it was at a position of the log or at a time, as text.';
