-- Makes sure that a bucket has rows: one for each window that answers tell, and at least one. At most
-- 10 in all: what servers tell is data, and every call walks through them.
--
-- Locks: none; the caller holds that of the bucket.
create or replace function ampsync_private.add_windows(
  p_bucket text,
  p_seen   jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_told record;
begin
  for v_told in
    select t.per_s, min(t.requests) as requests
      from jsonb_array_elements(p_seen) a
     cross join lateral ampsync_private.told_items(a -> 'told') t
     where t.per_s > 0
       and t.requests > 0
       and not exists (select 1
                         from ampsync_private.rate_limit l
                        where l.bucket = p_bucket and l.per_s = t.per_s)
     group by 1
     order by 1
  loop
    exit when (select count(*) >= 10 from ampsync_private.rate_limit l where l.bucket = p_bucket);
    perform ampsync_private.add_window(p_bucket, v_told.per_s, v_told.requests, null);
  end loop;

  if not exists (select 1 from ampsync_private.rate_limit l where l.bucket = p_bucket) then
    perform ampsync_private.add_window(p_bucket, 60, null, null);
  end if;
end;
$$;

comment on function ampsync_private.add_windows(text, jsonb)
  is 'Add a row to a bucket for each window that answers tell.';
