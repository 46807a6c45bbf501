-- Tells listeners on the channel `ampsync` that blocks of streams were committed, and those on `ampsync_log` that the
-- log may have grown. Called after the commits, from another connection: a NOTIFY in the committing transaction would
-- hold a lock of the whole cluster while it waits for its disk or a standby. What does not arrive is not lost:
-- listeners also poll.
--
-- p_commits: a jsonb array of
--   {"stream_id": "7", "block": "9", the last block committed, "replaced": "7", the first block that a reorg
--   replaced; null: none was replaced}
--
-- Returns false, without a notification, while the lock that they need is taken: call again. Says nothing of a
-- shadow, whose rows nobody sees, and nothing that is too long for a notification.
--
-- Locks: that of all notifications, from the end of the call to the end of its transaction.
create or replace function ampsync_worker.announce(
  p_commits jsonb
)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if ampsync_private.notify_waits() then
    return false;
  end if;
  perform ampsync_private.commit_async();
  perform set_config('lock_timeout', '1s', true); -- statement_timeout does not end the wait in a COMMIT.

  perform pg_notify('ampsync', n.payload)
     from jsonb_to_recordset(p_commits) as c(stream_id bigint, block bigint, replaced bigint)
     join ampsync_private.stream s on s.stream_id = c.stream_id and s.shadow_of is null
     join ampsync_private.dataset d using (dataset_id)
    cross join lateral (select jsonb_strip_nulls(jsonb_build_object(
             'kind', case when c.replaced is null then 'commit' else 'reorg' end,
             'dataset', d.label, 'table', s.table_name, 'block', c.block, 'from_block', c.replaced))::text) n(payload)
    where octet_length(n.payload) < 8000;

  perform pg_notify('ampsync_log', '')
    where exists (select from jsonb_to_recordset(p_commits) as c(stream_id bigint)
                    join ampsync_private.published p using (stream_id));
  return true;
end;
$$;

comment on function ampsync_worker.announce(jsonb)
  is 'Notify the channel ampsync of commits, after them; false while the notifications would have to wait.';
