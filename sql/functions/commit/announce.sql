-- Tells listeners on the channel `ampsync` that blocks of a stream were committed. Called after
-- the commit, from another connection: a NOTIFY in the committing transaction would hold a lock
-- of the whole cluster while it waits for its disk or a standby. What does not arrive is not
-- lost: listeners also poll.
--
-- p_block     the last block committed
-- p_replaced  the first block that a reorg replaced; null: none was replaced
--
-- Returns false, without a notification, while the lock that it needs is taken: call again. Says
-- nothing of a shadow, whose rows nobody sees, and nothing that is too long for a notification.
--
-- Locks: that of all notifications, from the end of the call to the end of its transaction.
create or replace function ampsync_worker.announce(
  p_stream_id bigint,
  p_block     bigint,
  p_replaced  bigint default null
)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_payload text;
begin
  if ampsync_private.notify_waits() then
    return false;
  end if;
  perform ampsync_private.commit_async();
  perform set_config('lock_timeout', '1s', true); -- statement_timeout does not end the wait in a COMMIT.

  select jsonb_strip_nulls(jsonb_build_object('kind', case when p_replaced is null then 'commit' else 'reorg' end,
           'dataset', d.label, 'table', s.table_name, 'block', p_block, 'from_block', p_replaced))::text
    into v_payload
    from ampsync_private.stream s
    join ampsync_private.dataset d using (dataset_id)
   where s.stream_id = p_stream_id
     and s.shadow_of is null;
  if octet_length(v_payload) < 8000 then
    perform pg_notify('ampsync', v_payload);
  end if;
  return true;
end;
$$;

comment on function ampsync_worker.announce(bigint, bigint, bigint)
  is 'Notify the channel ampsync of a commit, after it; false while the notification would have to wait.';
