-- Shows that a pass had to reconnect because of what the server sent, or is waiting for the
-- database or for a server that lags, and why; a commit, or reaching the head, ends that state.
-- No effect without the lease, nor while a reorg is pending, which says more. Idempotent;
-- journaled when it begins, and when the reason changes.
--
-- p_error: {"code", "message", "detail", "hint"}
--
-- Locks: stream row.
create or replace function ampsync_worker.mark_retrying(
  p_stream_id bigint,
  p_epoch     bigint,
  p_error     jsonb
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select ampsync_private.commit_async();

  with hinted as (
    select ampsync_private.add_hint(p_stream_id, p_error) as error
  ),
  before as (
    select s.state, s.error ->> 'code' as code
      from ampsync_private.stream s
     where s.stream_id = p_stream_id
  ),
  changed as (
    update ampsync_private.stream s
       set state      = 'retrying',
           since      = case when s.state = 'retrying' then s.since else ampsync_private.now() end,
           next_retry = null,
           error      = h.error
      from ampsync_private.lease l
     cross join hinted h
     where s.stream_id = p_stream_id
       and l.stream_id = p_stream_id
       and l.epoch = p_epoch
       and (s.state in ('waiting', 'backfill', 'live')
            or s.state = 'retrying' and s.error ->> 'message' is distinct from p_error ->> 'message')
    returning s.stream_id
  )
  select ampsync_private.journal(p_stream_id,
           case p_error ->> 'code' when 'SY101' then 'protocol_error' else 'stream_error' end, h.error)
    from changed c
   cross join hinted h
   cross join before b
   where b.state <> 'retrying'
      or b.code is distinct from p_error ->> 'code';
$$;

comment on function ampsync_worker.mark_retrying(bigint, bigint, jsonb)
  is 'Show why a pass had to reconnect, or is waiting for the database.';
