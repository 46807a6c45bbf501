-- Queues what a shadow that has just moved may have made possible: the swap of its stream, or
-- the next step of the upgrade that it belongs to. No effect for other streams.
create or replace function ampsync_private.wake_swap(
  p_stream_id bigint
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_stream ampsync_private.stream;
begin
  select * into v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id
     and s.shadow_of is not null;
  if not found then
    return;
  end if;

  if ampsync_private.is_beside(v_stream) then
    if ampsync_private.upgrade_step(v_stream.dataset_id) is not null then
      perform ampsync_private.schedule_upgrade(v_stream.dataset_id);
    end if;
  elsif ampsync_private.swap_is_due(p_stream_id) then
    perform ampsync_private.schedule_swap(p_stream_id);
  end if;
end;
$$;

comment on function ampsync_private.wake_swap(bigint)
  is 'Queue the swap, or the step of an upgrade, that a shadow may have made possible.';
