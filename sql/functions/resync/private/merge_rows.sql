-- Makes the rows of a target those of another table with the same columns: deletes from the
-- target the rows that the other one lacks, inserts those that it lacks itself, by `_id`. The
-- table stays the same, so its OID, grants, views, publications and indexes survive, readers
-- are never blocked, and older snapshots continue to see the old rows.
--
-- p_columns   the columns of both, as own_columns writes them
-- p_exchange  the other table gets the rows that the target had; else it stays as it is
--
-- first_block: the lowest one of the rows that were deleted or inserted; null if none was.
--
-- Deletions come first: old and new rows need not fit together into an index of the user.
--
-- Locks: rows of the target; the caller has locked both tables.
create or replace function ampsync_private.merge_rows(
  p_target   regclass,
  p_other    regclass,
  p_columns  text,
  p_exchange boolean,
  out deleted     bigint,
  out inserted    bigint,
  out first_block bigint
)
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set jit = off
as $$
declare
  v_lacks constant text := 'from %s l where not exists (select 1 from %s o where o._id = l._id)';
  v_has_rules boolean;
  v_count     bigint;
begin
  -- Names are written for each statement: the schema may be renamed meanwhile, which the caller finds out.
  if p_exchange then
    if exists (select 1 from pg_class c where c.oid = p_target and (c.relhastriggers or c.relhasrules)) then
      execute format('select count(*) ' || v_lacks, p_target, p_other) into v_count;
    end if;
    -- One statement: both differences are those between the tables as they were.
    execute format(
      'with gone as (delete from %1$s l where not exists (select 1 from %2$s o where o._id = l._id) returning %3$s),
            fresh as (delete from %2$s o where not exists (select 1 from %1$s l where l._id = o._id) returning %3$s),
            kept as (insert into %2$s (%3$s) select %3$s from gone returning _id),
            taken as (insert into %1$s (%3$s)
                      select %3$s from fresh where (select count(*) from kept) >= 0 returning _id)
       select (select count(*) from kept), (select count(*) from taken),
              (select min(ampsync_private.block_of(d._id))
                 from (select k._id from kept k union all select t._id from taken t) d)',
      p_target, p_other, p_columns)
       into deleted, inserted, first_block;
    if deleted < v_count then
      call ampsync_private.raise_rows_kept(p_target);
    end if;
    return;
  end if;

  -- RETURNING is refused where a rule does something else instead: then the rows are looked for first.
  v_has_rules := (select c.relhasrules from pg_class c where c.oid = p_target);
  if v_has_rules then
    execute format('select least((select min(ampsync_private.block_of(l._id)) ' || v_lacks || '),
                                 (select min(ampsync_private.block_of(n._id)) from %2$s n
                                   where not exists (select 1 from %1$s l where l._id = n._id)))', p_target, p_other)
       into first_block;
    execute format('delete ' || v_lacks, p_target, p_other);
    get diagnostics deleted = row_count;
  else
    execute format('with gone as (delete ' || v_lacks || ' returning _id)
                    select count(*), min(ampsync_private.block_of(g._id)) from gone g', p_target, p_other)
       into deleted, first_block;
  end if;
  if v_has_rules or (select c.relhastriggers from pg_class c where c.oid = p_target) then
    execute format('select count(*) from (select 1 ' || v_lacks || ' limit 1) f', p_target, p_other) into v_count;
    if v_count > 0 then
      call ampsync_private.raise_rows_kept(p_target);
    end if;
  end if;

  if v_has_rules then
    execute format('insert into %1$s (%3$s)
                    select %3$s from %2$s o where not exists (select 1 from %1$s l where l._id = o._id)',
                   p_target, p_other, p_columns);
    get diagnostics inserted = row_count;
  else
    execute format('with taken as (insert into %1$s (%3$s)
                                   select %3$s from %2$s o where not exists (select 1 from %1$s l where l._id = o._id)
                                   returning _id)
                    select count(*), least(%4$L, min(ampsync_private.block_of(t._id))) from taken t',
                   p_target, p_other, p_columns, first_block)
       into inserted, first_block;
  end if;
end;
$$;

comment on function ampsync_private.merge_rows(regclass, regclass, text, boolean)
  is 'Make the rows of a target those of another table, by their difference.';
