-- Deletes the rows of a target from one `_id` on, below another; returns their
-- number. Refuses to go on where any is left, which a trigger or a rule can do: two
-- forks would stand in the table.
--
-- `_id` begins with the block, so the primary key is the index for this. The upper
-- bound makes the planner take it even where the table was never analyzed.
-- Locks: target rows.
create or replace function ampsync_private.delete_rows(
  p_target regclass,
  p_from   bytea,
  p_below  bytea
)
  returns bigint
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_deleted bigint;
  v_is_left boolean;
begin
  execute format('delete from only %s t where t._id >= $1 and t._id < $2', p_target)
    using p_from, p_below;
  get diagnostics v_deleted = row_count;

  execute format('select exists (select 1 from only %s t where t._id >= $1 and t._id < $2)', p_target)
     into v_is_left
    using p_from, p_below;
  if v_is_left then
    raise exception using
      errcode = 'SY201',
      message = format('rows of table %s cannot be deleted: a trigger or a rule of it keeps them', p_target),
      detail  = 'Nothing was written. Rows of replaced blocks must go before the new ones come.',
      hint    = concat(
        (select string_agg(format('alter table %s disable trigger %I; ', p_target, t.tgname), '')
           from pg_trigger t
          where t.tgrelid = p_target and not t.tgisinternal and t.tgenabled <> 'D'
            and t.tgtype & 11 = 11), -- FOR EACH ROW, BEFORE, DELETE.
        (select string_agg(format('alter table %s disable rule %I; ', p_target, r.rulename), '')
           from pg_rewrite r
          where r.ev_class = p_target and r.ev_type = '4' and r.ev_enabled <> 'D'),
        (select format('select ampsync.resume_sync(%L);', ampsync_private.stream_label(s.stream_id))
           from ampsync_private.stream s
          where s.target = p_target));
  end if;
  return v_deleted;
end;
$$;

comment on function ampsync_private.delete_rows(regclass, bytea, bytea)
  is 'Delete a range of _id from a target; SY201 where rows are left.';
