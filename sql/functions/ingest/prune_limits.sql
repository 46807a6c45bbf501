-- Deletes the rows of rate limits that no source has any more, and that no permit, no answer and no refusal has
-- touched for a day: within that a source that comes back finds its limit as it was. Returns how many. Forgets whose
-- turn it was by then, too.
--
-- Called by each run of the supervisor, in a transaction of its own, which waits for nobody: a bucket that
-- somebody uses, or declares, at this moment is left to the next run.
--
-- Idempotent. Locks: the advisory locks of the buckets concerned, that on their numbers first, without waiting.
create or replace function ampsync_worker.prune_limits()
  returns integer
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now     timestamptz := ampsync_private.now();
  v_bucket  text;
  v_deleted integer;
  v_all     integer := 0;
begin
  perform ampsync_private.commit_async();
  for v_bucket in
    select l.bucket
      from ampsync_private.rate_limit l
     group by 1
    having max(greatest(l.next_at, l.window_at, l.cleared_at, l.resets_at, l.blocked_until)) < v_now - interval '1 day'
     order by 1
  loop
    continue when not pg_try_advisory_xact_lock(hashtextextended('ampsync.limit:' || v_bucket, 0))
               or not pg_try_advisory_xact_lock(ampsync_private.bucket_key(v_bucket));
    -- A source that has come meanwhile is seen. None that declares numbers can come from here on; one that shares the
    -- bucket without any, or has it by its host, can: its first pass makes the rows anew (declare_limits).
    delete from ampsync_private.rate_limit l
     where l.bucket = v_bucket
       and not exists (select 1
                         from ampsync_private.rate_limit o
                        where o.bucket = v_bucket
                          and greatest(o.next_at, o.window_at, o.cleared_at, o.resets_at, o.blocked_until)
                              >= v_now - interval '1 day')
       and not exists (select 1
                         from ampsync_private.dataset d
                        cross join lateral (select ampsync_private.full_rate_limit(d.definition) offset 0) f(value)
                        where d.kind = 'http'
                          and f.value ->> 'bucket' = v_bucket);
    get diagnostics v_deleted = row_count;
    v_all := v_all + v_deleted;
  end loop;
  delete from ampsync_private.permit_turn t
   where greatest(t.granted_at, t.waits_until) < v_now - interval '1 day';
  return v_all;
end;
$$;

comment on function ampsync_worker.prune_limits()
  is 'Delete the rate limits that no source has had for a day; returns how many.';
