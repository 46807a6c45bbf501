-- Stops the old streams of a dataset under upgrade at their checkpoints, where their shadows
-- reach them: state `resyncing`. Readers see their rows, which do not
-- change for these seconds. Those that read queries are not replaced, and go on.
--
-- Locks: for each stream fence (exclusive), stream row, lease row. The caller holds the dataset
-- row.
create or replace function ampsync_private.freeze_streams(
  p_dataset_id bigint
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_stream_id bigint;
begin
  for v_stream_id in
    select s.stream_id
      from ampsync_private.stream s
     where s.dataset_id = p_dataset_id
       and s.shadow_of is null
       and s.query is null
       and s.state <> 'orphaned'
     order by s.stream_id
  loop
    perform ampsync_private.revoke_lease(v_stream_id);
    update ampsync_private.stream s
       set state = 'resyncing', since = ampsync_private.now(), attempts = 0, next_retry = null, error = null,
           load_started = null, load_from = null
     where s.stream_id = v_stream_id
       and s.state <> 'resyncing';
  end loop;

  update ampsync_private.upgrade u
     set frozen_at = ampsync_private.now(), freezes = u.freezes + 1, next_retry = null
   where u.dataset_id = p_dataset_id;
  perform ampsync_private.journal(null, 'upgrade_frozen', p_dataset_id => p_dataset_id);
end;
$$;

comment on function ampsync_private.freeze_streams(bigint)
  is 'Stop the old streams of a dataset under upgrade at their checkpoints.';
