-- Ends the writers under an epoch of a stream, and keeps others from starting until this
-- transaction ends. Returns the number of backends ended.
--
-- Writers are terminated: a client frozen in mid-COPY would block its successor on the primary
-- key forever, and no timeout ends it. Then the fence is taken in exclusive mode, which is
-- granted once the last of them is really gone.
--
-- A backend that cannot be one of our writers, or that this role may not end, is left alone.
-- While such a backend holds the fence, or another decision does (most often a swap), this
-- waits as long as the caller's lock_timeout, then reports who holds it.
--
-- Locks: fence (exclusive).
create or replace function ampsync_private.end_writers(
  p_stream_id bigint,
  p_epoch     bigint
)
  returns integer
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_pid   integer;
  v_ended integer := 0;
begin
  for v_pid in
    select f.pid
      from ampsync_private.fence_holders(p_stream_id, p_epoch) f
     where f.mode = 'ShareLock' and f.is_ours and f.is_mortal
       and f.pid <> pg_backend_pid()
  loop
    perform pg_terminate_backend(v_pid);
    v_ended := v_ended + 1;
  end loop;

  perform pg_advisory_xact_lock(ampsync_private.fence_key(p_stream_id, p_epoch));
  return v_ended;
exception
  when lock_not_available then
    perform ampsync_private.raise_stranger(p_stream_id, p_epoch);
    perform ampsync_private.raise_immortal(p_stream_id, p_epoch);
    raise exception using
      errcode = '55P03',
      message = (select format('another transaction is deciding about %I.%I', s.target_schema, s.target_table)
                   from ampsync_private.stream s where s.stream_id = p_stream_id),
      detail  = ampsync_private.describe_backends(array(
                  select f.pid from ampsync_private.fence_holders(p_stream_id, p_epoch) f)),
      hint    = format('Nothing was changed. Try again once that transaction is over. If it is the swap of a table, '
                       'which may take minutes, this ends it: select ampsync.pause_sync(%L);',
                       ampsync_private.stream_label(p_stream_id));
end;
$$;

comment on function ampsync_private.end_writers(bigint, bigint)
  is 'End the writers under an epoch of a stream, and wait until they are gone.';
