-- Whether the log is the one that a gateway has read up to a position: that of this server's newest epoch. SY406 if
-- not: the server was started, restored or promoted since, so positions of clients are to be looked at again
-- (open_session). Reads only: open_session begins the epoch.
create or replace function ampsync_private.check_same_log(
  p_epoch    uuid,
  p_position bigint
)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_last   ampsync_private.log_epoch;
  v_now    record;
  v_head   bigint := ampsync_private.log_head();
  v_reason text;
begin
  select * into v_last
    from ampsync_private.log_epoch e
   order by e.number desc
   limit 1;
  v_now := ampsync_private.server_identity();
  v_reason := case
    when p_epoch is distinct from v_last.epoch
      then format('the log is in epoch %s, not in %s', coalesce(v_last.epoch::text, 'none'),
                  coalesce(p_epoch::text, 'none'))
    when (v_last.system_identifier, v_last.timeline, v_last.database_oid, v_last.server_started_at)
         is distinct from
         (v_now.system_identifier, v_now.timeline, v_now.database_oid, v_now.server_started_at)
      then 'this server is not the one that the newest epoch of the log began on'
    when p_position > v_head then format('position %s is above the head of the log, %s', p_position, v_head)
  end;
  if v_reason is not null then
    raise exception using
      errcode = 'SY406',
      message = v_reason,
      detail  = 'What clients have may be of another life of this database; each says it when it connects anew.',
      hint    = 'select * from ampsync_private.log_epoch order by number desc limit 2;';
  end if;
end;
$$;

comment on function ampsync_private.check_same_log(uuid, bigint)
  is 'Whether the log is the one that a gateway has read up to a position; SY406 if not.';
