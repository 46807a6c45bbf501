-- All chunks of a snapshot are there, and what it sees is in the log (wait_for_capture, once its rows were read): it
-- is ready. settled is the head of now: no client is shown a state before it. Removes what has not been used for
-- longest, beyond 1 GiB in all. SY001 where another job has the snapshot by now.
--
-- p_sums  {"chunks", "rows", "bytes", "checksum", "statistics"}
create or replace function ampsync_worker.finish_snapshot(
  p_snapshot uuid,
  p_attempt  integer,
  p_sums     jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now     timestamptz := ampsync_private.now();
  v_settled bigint := ampsync_private.log_head();
begin
  perform ampsync_private.check_attempt(p_snapshot, p_attempt);
  update ampsync_private.snapshot s
     set state      = 'ready',
         settled    = v_settled,
         since      = ampsync_private.first_unseen(s.visible, v_settled),
         chunks     = (p_sums ->> 'chunks')::integer,
         rows       = (p_sums ->> 'rows')::bigint,
         bytes      = (p_sums ->> 'bytes')::bigint,
         checksum   = p_sums ->> 'checksum',
         statistics = p_sums -> 'statistics',
         used_at    = v_now,
         expires_at = v_now + interval '10 minutes'
   where s.snapshot_id = p_snapshot;
  perform ampsync_private.shed_snapshots(1073741824);
  perform ampsync_private.tell_gateways(jsonb_build_object('snapshot', p_snapshot, 'state', 'ready'));
  perform pg_advisory_unlock(ampsync_private.snapshot_key(p_snapshot));
end;
$$;

comment on function ampsync_worker.finish_snapshot(uuid, integer, jsonb)
  is 'A snapshot is ready: all its chunks are there, and what it sees is in the log.';
