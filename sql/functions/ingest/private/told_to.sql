-- What an answer tells one window of its bucket; all null if nothing. An item goes to the row with its
-- window; else to one with its limit; else to the shortest window that is not shorter than its reset,
-- else to the longest. Of several the least remaining counts, of equal ones the later reset. p_all:
-- the rows of the bucket.
--
-- A reset in whole seconds may have been cut: it gets 1 s more, though not more than the window where
-- it is told to lie in it. Over 24 h is a misunderstanding.
--
-- A window that was declared shorter than 10 s is paced and hears nothing: most resets have whole
-- seconds.
create or replace function ampsync_private.told_to(
  p_limit ampsync_private.rate_limit,
  p_all   ampsync_private.rate_limit[],
  p_told  jsonb,
  out requests  integer,
  out remaining integer,
  out reset_s   double precision
)
  language plpgsql
  stable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  select t.requests, t.remaining,
         case when t.reset_s > 86400 then 86400
              when t.reset_s <> floor(t.reset_s) then t.reset_s
              when t.reset_s > p_limit.per_s + 1 then t.reset_s + 1
              when t.reset_s is not null then least(t.reset_s + 1, p_limit.per_s) end
    into requests, remaining, reset_s
    from ampsync_private.told_items(p_told) t
   where (p_limit.declared is null or p_limit.per_s >= 10)
     and p_limit.per_s = (select l.per_s
                            from unnest(p_all) l
                           order by l.per_s is distinct from t.per_s,
                                    t.requests is null or l.requests is distinct from t.requests,
                                    coalesce(l.per_s < t.reset_s, false),
                                    abs(l.per_s - t.reset_s),
                                    l.per_s
                           limit 1)
   order by t.remaining is null or t.reset_s is null, t.remaining, t.reset_s desc
   limit 1;
end;
$$;

comment on function ampsync_private.told_to(ampsync_private.rate_limit, ampsync_private.rate_limit[], jsonb)
  is 'What the headers of an answer tell one window of its bucket.';
