-- Gives permits to send requests to an API, out of the bucket that all its sources and all workers
-- share, and hears what the answers since the last call have said. A request without a permit is not
-- sent; nor does a permit wait: one that could not be used at once comes back as unused.
--
-- p_want: how many requests could leave now; 0 to report alone. p_seen: a jsonb array of what became
-- of permits that were granted before, by any worker:
--   {"granted_at": the text that its permit was given with,
--    "age": seconds since it came,
--    "unused": whether nothing was sent; the rest is absent then,
--    "status": of HTTP; absent: no answer came,
--    "limited": whether it says that the limit is used up,
--    "retry_after": seconds that it tells to wait,
--    "told": [{"window": seconds, "limit", "remaining", "reset": seconds}], what its headers say; any may be absent}
-- p_source: the stream that asks; where several wait, each gets its turn (share_permits). Null: it takes what is there
-- granted: how many may leave now. granted_at: belongs to each of them. wait_ms: if there is none,
-- when to ask again.
--
-- Every row of the bucket has one window. Each hears the answers (count_answers), goes on to its next
-- window where that is due (roll_over), and says how many permits it has (free_permits); the least of
-- them is granted, or the caller's share of that.
--
-- Called in a transaction of its own, never in one that writes rows. Its commit waits for the disk, so
-- that a crash of the database forgets no permit, but for no standby. A call that grants and hears nothing forgets
-- nothing by a crash, and waits for nothing; nor does it write that the caller waits where that is known already.
--
-- Locks: the advisory lock of the bucket, which waits for other calls of this function alone.
create or replace function ampsync_worker.take_permits(
  p_bucket text,
  p_want   integer,
  p_seen   jsonb default '[]',
  p_source bigint default null,
  out granted    integer,
  out granted_at text,
  out wait_ms    integer
)
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now    timestamptz;
  v_all    ampsync_private.rate_limit[];
  v_limits ampsync_private.rate_limit[] := '{}';
  v_limit  ampsync_private.rate_limit;
  v_wait   interval := interval '0';
  v_free   integer; -- Null: any number.
  v_until  timestamptz; -- That the caller waits.
begin
  perform ampsync_private.lock_bucket(p_bucket);
  v_now := ampsync_private.now(); -- Not before the lock: another call may have granted meanwhile.
  perform ampsync_private.add_windows(p_bucket, p_seen);

  select array_agg(l order by l.per_s) into v_all
    from ampsync_private.rate_limit l
   where l.bucket = p_bucket;

  foreach v_limit in array v_all loop
    v_limit := ampsync_private.roll_over(ampsync_private.count_answers(v_limit, v_all, p_seen, v_now), v_now);
    v_free := least(v_free, ampsync_private.free_permits(v_limit, v_now));
    v_limits := v_limits || v_limit;
  end loop;
  granted := greatest(least(p_want, v_free, case when v_free > 0 and p_source is not null and p_want > 0
                        then ampsync_private.share_permits(p_bucket, p_source, v_free, v_now) end), 0);
  if granted = 0 and v_free > 0 then
    v_wait := interval '50 ms'; -- Others are to take theirs first.
  end if;

  foreach v_limit in array v_limits loop
    if granted > 0 then
      v_limit := ampsync_private.grant_permits(v_limit, granted, v_now);
    else
      v_wait := greatest(v_wait, ampsync_private.permit_wait(v_limit, v_now));
    end if;

    update ampsync_private.rate_limit l
       set requests        = v_limit.requests,
           next_at         = v_limit.next_at,
           remaining       = v_limit.remaining,
           resets_at       = v_limit.resets_at,
           is_told         = v_limit.is_told,
           in_flight       = v_limit.in_flight,
           window_at       = v_limit.window_at,
           cleared_at      = v_limit.cleared_at,
           straggling      = v_limit.straggling,
           straggling_from = v_limit.straggling_from,
           blocked_until   = v_limit.blocked_until,
           refusals        = v_limit.refusals,
           sent            = v_limit.sent,
           refused         = v_limit.refused
     where l.bucket = v_limit.bucket
       and l.per_s = v_limit.per_s
       and l is distinct from v_limit;
  end loop;

  v_until := case when granted >= p_want then '-infinity' else v_now + v_wait + interval '1 s' end;
  if v_free is not null and p_source is not null and p_want > 0
     and (granted > 0
          or not exists (select 1 -- A conflict alone would lock the row, which writes it.
                           from ampsync_private.permit_turn t
                          where t.bucket = p_bucket
                            and t.source = p_source
                            and t.waits_until between v_until - interval '500 ms' and v_until)) then
    insert into ampsync_private.permit_turn as t (bucket, source, granted_at, waits_until)
    values (p_bucket, p_source, case when granted > 0 then v_now else '-infinity' end, v_until)
    on conflict (bucket, source) do update
       set granted_at = greatest(t.granted_at, excluded.granted_at), waits_until = excluded.waits_until;
  end if;

  if granted > 0 or jsonb_array_length(p_seen) > 0 then
    perform set_config('synchronous_commit', 'local', true);
  else
    perform ampsync_private.commit_async();
  end if;

  granted_at := to_jsonb(v_now) #>> '{}'; -- In a form that no setting of the session changes.
  wait_ms := ceil(extract(epoch from v_wait) * 1000);
end;
$$;

comment on function ampsync_worker.take_permits(text, integer, jsonb, bigint)
  is 'Take permits to send requests to an API, and report what the answers have said; says when to ask again.';
