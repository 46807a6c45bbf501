-- Writes into the journal what the pass of an HTTP source has met: `rate_limited` (the API refuses, for the
-- first time in a row), `rate_limit_absurd` (it told a wait of more than a day), `cursor_expired` (with the
-- step that is taken against it). No effect without the lease: another pass speaks for the stream then.
--
-- Not idempotent: a call that is repeated writes a second row. Locks: none.
create or replace function ampsync_worker.note_ingest(
  p_stream_id bigint,
  p_epoch     bigint,
  p_event     text,
  p_details   jsonb
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select ampsync_private.commit_async();

  select ampsync_private.journal(p_stream_id,
           case p_event when 'rate_limited' then 'rate_limited' when 'rate_limit_absurd' then 'rate_limit_absurd'
                        when 'cursor_expired' then 'cursor_expired' end, p_details)
    from ampsync_private.lease l
   where l.stream_id = p_stream_id
     and l.epoch = p_epoch
     and l.holder is not null;
$$;

comment on function ampsync_worker.note_ingest(bigint, bigint, text, jsonb)
  is 'Write into the journal what the pass of an HTTP source has met.';
