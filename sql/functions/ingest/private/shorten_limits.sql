-- The part of shorten_times for rate limits: their times are moved by as much as the last that cannot lie ahead
-- does. Then none is too late by more than the length of its window.
--
-- Whose turn it is there is forgotten.
--
-- A bucket that is in use at this moment is left to the next run: what its holder has read would be written over.
--
-- Locks: the advisory locks of the buckets concerned, without waiting.
create or replace function ampsync_private.shorten_limits()
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now    timestamptz := ampsync_private.now();
  v_bucket text;
begin
  for v_bucket in
    select distinct l.bucket
      from ampsync_private.rate_limit l
     where ampsync_private.last_past(l) > v_now + interval '1 s'
     order by 1
  loop
    continue when not pg_try_advisory_xact_lock(ampsync_private.bucket_key(v_bucket));
    update ampsync_private.rate_limit l
       set next_at         = l.next_at - a.ahead,
           resets_at       = l.resets_at - a.ahead,
           window_at       = l.window_at - a.ahead,
           cleared_at      = l.cleared_at - a.ahead,
           straggling_from = l.straggling_from - a.ahead,
           blocked_until   = l.blocked_until - a.ahead
      from (select k.per_s, ampsync_private.last_past(k) - v_now as ahead
              from ampsync_private.rate_limit k
             where k.bucket = v_bucket
               and ampsync_private.last_past(k) > v_now + interval '1 s') a
     where l.bucket = v_bucket
       and l.per_s = a.per_s;
    delete from ampsync_private.permit_turn t where t.bucket = v_bucket;
  end loop;
end;
$$;

comment on function ampsync_private.shorten_limits()
  is 'Move the times of rate limits that lie further ahead than they can, because the clock was set back.';
