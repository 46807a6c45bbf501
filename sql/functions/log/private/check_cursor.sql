-- Whether whoever has read the log to a position can go on from there; returns the newest epoch. SY406 if
-- not: below the floor of the log, above its head, or read in another life of the database, in which
-- other entries may have had that position.
--
-- p_epoch  null: not known, and not checked
create or replace function ampsync_private.check_cursor(
  p_after bigint,
  p_epoch uuid
)
  returns uuid
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_floor  bigint := coalesce((select c.log_floor from ampsync_private.capture c), 0);
  v_head   bigint := ampsync_private.log_head();
  v_newest uuid := (select e.epoch from ampsync_private.log_epoch e order by e.number desc limit 1);
  v_fork   bigint := (select min(e.forked_at) -- Null: none has begun since.
                        from ampsync_private.log_epoch e
                       where e.number > (select k.number from ampsync_private.log_epoch k where k.epoch = p_epoch));
  v_reason text;
begin
  v_reason := case
    when p_after is null then 'a position is needed'
    when p_epoch is not null and not exists (select from ampsync_private.log_epoch e where e.epoch = p_epoch)
      then format('this log knows no epoch %s', p_epoch)
    when p_after > v_fork then format('position %s is of another life of this database', p_after)
    when p_after > v_head then format('position %s is above the head of the log', p_after)
    when p_after < v_floor then format('position %s is below the floor of the log', p_after)
  end;
  if v_reason is not null then
    raise exception using
      errcode = 'SY406',
      message = v_reason,
      detail  = format('The log reaches from %s to %s%s. Read the tables anew, and the log from the position that '
                       'they were read at.', v_floor, v_head,
                       case when v_fork is not null then format('; of that epoch it goes on up to %s', v_fork)
                            else '' end),
      hint    = format('select * from ampsync.read_changes(after => %s%s);', v_head,
                       case when v_newest is not null then format(', epoch => %L', v_newest) else '' end);
  end if;
  return v_newest;
end;
$$;

comment on function ampsync_private.check_cursor(bigint, uuid)
  is 'Whether the log goes on from a position of an epoch: the newest epoch, or SY406.';
