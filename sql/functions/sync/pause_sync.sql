-- Stops a dataset until ampsync.resume_sync: the leases of its streams are revoked, so that
-- nothing is committed after this call's transaction. Tables and checkpoints stay as they are.
-- A resync is paused along with its table, and continues with it. A swap under way is ended, and
-- is done again after ampsync.resume_sync. An HTTP source that is complete can be paused as well.
-- Idempotent. Returns the streams.
--
-- Locks: dataset row and its swaps (close_swaps), then for each stream fence (exclusive), stream row, lease row.
create or replace function ampsync.pause_sync(
  inout dataset    text,
  out   table_name text,
  out   state      text,
  out   hint       text
)
  returns setof record
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_dataset_id bigint := ampsync_private.find_dataset(pause_sync.dataset);
  v_stream     record;
begin
  perform ampsync_private.close_swaps(v_dataset_id);
  update ampsync_private.dataset d
     set state = 'paused', since = ampsync_private.now(), next_retry = null
   where d.dataset_id = v_dataset_id
     and d.state = 'waiting';

  for v_stream in
    select s.stream_id
      from ampsync_private.stream s
     where s.dataset_id = v_dataset_id
       and (not ampsync_private.is_halted(s.state) or s.state in ('resyncing', 'complete'))
     order by s.stream_id
  loop
    perform ampsync_private.revoke_lease(v_stream.stream_id);
    update ampsync_private.stream s
       set state = 'paused', since = ampsync_private.now(), attempts = 0, next_retry = null, error = null
     where s.stream_id = v_stream.stream_id;
    perform ampsync_private.journal(v_stream.stream_id, 'paused');
  end loop;

  update ampsync_private.upgrade u -- It begins with loading again, up to the head of then.
     set frozen_at = null
   where u.dataset_id = v_dataset_id
     and u.frozen_at is not null;

  return query
  select r.dataset, r.table_name, r.state, r.hint
    from ampsync_private.sync_report(v_dataset_id) r;
end;
$$;

comment on function ampsync.pause_sync(text)
  is 'Stop a dataset immediately, until ampsync.resume_sync.';
