-- Moves capture to behind the transactions of a call. p_stop: the first one that is not stored, under 1 and so
-- on, null: all are; rows of those that are not stored are removed again, those of a large one later: they become
-- leftover, for the log lock is held. Locks: the row of capture, held by the caller.
create or replace function ampsync_private.move_capture(
  p_transactions jsonb,
  p_tx_ids       bigint[],
  p_replayed     boolean[],
  p_stop         integer
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_count integer := coalesce(p_stop - 1, cardinality(p_tx_ids));
  v_new   integer := (select count(*) from unnest(p_replayed[:v_count]) r(is_replay) where not r.is_replay);
  v_large boolean := v_count > 0 and coalesce((p_transactions #>> '{0,large}')::boolean, false);
  v_again boolean := p_stop = 1 and coalesce((p_transactions #>> '{0,large}')::boolean, false);
  v_last  jsonb := case when v_new > 0 then p_transactions -> v_count - 1 end;
begin
  if p_stop is not null then
    delete from ampsync_private.change c
     where c.tx_id = any (p_tx_ids[p_stop + v_again::integer:]);
  end if;
  update ampsync_private.capture c
     set commit_lsn  = coalesce((v_last ->> 'commit_lsn')::pg_lsn, c.commit_lsn),
         end_lsn     = coalesce((v_last ->> 'end_lsn')::pg_lsn, c.end_lsn),
         skip_lsn    = case when c.skip_lsn > (v_last ->> 'commit_lsn')::pg_lsn or v_last is null then c.skip_lsn end,
         leftover    = case when (v_again or v_large and p_tx_ids[1] is null) -- The log had it, or skips it.
                                 and c.large_tx is not null
                            then c.leftover || c.large_tx else c.leftover end,
         large_tx    = case when v_large or v_again then null else c.large_tx end,
         large_notes = case when v_large or v_again then null else c.large_notes end,
         acquired_at = case when p_stop is null then c.acquired_at end, -- It begins anew: see begin_capture.
         stored_tx   = c.stored_tx + v_new,
         replayed_tx = c.replayed_tx + v_count - v_new,
         stored_at   = ampsync_private.now(),
         attempts    = case when v_new > 0 then 0 else c.attempts end,
         next_retry  = case when v_new > 0 then null else c.next_retry end,
         error       = case when v_new > 0 then null else c.error end;
end;
$$;

comment on function ampsync_private.move_capture(jsonb, bigint[], boolean[], integer)
  is 'Move capture to behind the transactions that were stored.';
