-- Adds a row to a bucket. Requests that are under way count in it as well, and who stands still goes
-- on standing still: both are taken from the longest window there is.
--
-- Locks: none; the caller holds that of the bucket.
create or replace function ampsync_private.add_window(
  p_bucket   text,
  p_per_s    integer,
  p_requests integer,
  p_declared integer
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_limit ampsync_private.rate_limit;
begin
  select l.* into v_limit
    from ampsync_private.rate_limit l
   where l.bucket = p_bucket
   order by l.per_s desc
   limit 1;

  insert into ampsync_private.rate_limit (bucket, per_s, requests, declared, in_flight, cleared_at, straggling,
                                          straggling_from, blocked_until, refusals)
  values (p_bucket, p_per_s, p_requests, p_declared, coalesce(v_limit.in_flight, 0),
          coalesce(v_limit.cleared_at, '-infinity'), coalesce(v_limit.straggling, 0),
          coalesce(v_limit.straggling_from, '-infinity'), v_limit.blocked_until, coalesce(v_limit.refusals, 0));
end;
$$;

comment on function ampsync_private.add_window(text, integer, integer, integer)
  is 'Add a window to a bucket, in which the requests that are under way count.';
