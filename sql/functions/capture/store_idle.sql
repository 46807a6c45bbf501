-- Stores that all below p_lsn is in the log, though no transaction ended there: there was nothing of ours in
-- between. Only what is stored so may be acknowledged, which is the proof that the slot never stood beyond the
-- log. It is no place to start from.
--
-- p_beat  the content of a message 'ampsync/beat' at that place, or null: where it is what the supervisor sent
--         last, that has come back (`ampsync.capture`); anybody may send others
--
-- Durable. Tables that were published below p_lsn go live.
--
-- Locks: the row of capture, rows of tables that go live, the log lock for those.
create or replace function ampsync_worker.store_idle(
  p_generation bigint,
  p_lsn        pg_lsn,
  p_beat       text
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  v_capture ampsync_private.capture := ampsync_private.hold_capture(p_generation);
  v_now     timestamptz := ampsync_private.now();
  -- Each pass is sent again what stands before a transaction that it cannot store: that ends no series of failures.
  v_goes_on boolean := p_lsn > all (array_remove(array[v_capture.idle_lsn, v_capture.end_lsn], null));
begin
  perform ampsync_private.commit_durably();
  update ampsync_private.capture c
     set idle_lsn     = greatest(c.idle_lsn, p_lsn),
         received_lsn = greatest(c.received_lsn, p_lsn),
         received_at  = v_now,
         beat_seen_at = case when p_beat = c.beat_token then v_now else c.beat_seen_at end,
         attempts     = case when v_goes_on then 0 else c.attempts end,
         next_retry   = case when v_goes_on then null else c.next_retry end,
         error        = case when v_goes_on then null else c.error end
   where c.generation = p_generation;
  perform ampsync_private.activate_publication(i.published_id, null, null)
     from unnest(ampsync_private.hold_starting(p_lsn)) i(published_id);
end;
$$;

comment on function ampsync_worker.store_idle(bigint, pg_lsn, text)
  is 'Store that everything below a place in WAL is in the log.';
