-- Records why a swap cannot succeed: the shadow fails, its stream shows the reason, and the
-- target keeps its old rows. ampsync.resume_sync retries, ampsync.cancel_resync gives up.
--
-- p_error: {"code", "message", "detail", "hint"}
--
-- Locks: fence (exclusive), stream row and lease row of the shadow.
create or replace function ampsync_worker.fail_swap(
  p_shadow_id bigint,
  p_error     jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform ampsync_private.commit_async();
  p_error := ampsync_private.add_hint(
    (select s.shadow_of from ampsync_private.stream s where s.stream_id = p_shadow_id), p_error);
  perform ampsync_private.revoke_lease(p_shadow_id);

  update ampsync_private.stream s
     set state = 'failed', since = ampsync_private.now(), next_retry = null, error = p_error
   where s.stream_id = p_shadow_id
     and not ampsync_private.is_halted(s.state);
  if found then
    perform ampsync_private.journal(p_shadow_id, 'stream_failed', p_error);
  end if;
end;
$$;

comment on function ampsync_worker.fail_swap(bigint, jsonb)
  is 'Record why the rows of a resync cannot be merged.';
