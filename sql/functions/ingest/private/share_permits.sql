-- How many of the permits that are free now a source may have, beside others that wait for the same bucket: an equal
-- share, after those whose last permit is longer ago than its own have been left theirs; nothing where that is so of
-- all others. Whoever waits alone may have all. So each gets its turn, in whatever order they ask.
--
-- A source waits that got less than it asked for, from when it was told to ask again, or a little before, until a
-- second after that: one that is gone holds up the others for that long, once. Not sooner: it was told to come back in
-- an hour, perhaps, and will not notice that the limit is another by now.
create or replace function ampsync_private.share_permits(
  p_bucket text,
  p_source bigint,
  p_free   integer,
  p_now    timestamptz
)
  returns integer
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select case when w.before = w.others and w.others > 0 then 0
              else greatest(0, ceil((p_free - w.before * ceil(p_free / (w.others + 1.0)))
                                    / (w.others - w.before + 1.0))) end::integer
    from (select count(*) as others,
                 count(*) filter (where t.granted_at < coalesce(o.granted_at, '-infinity')) as before
            from ampsync_private.permit_turn t
            left join ampsync_private.permit_turn o on o.bucket = p_bucket and o.source = p_source
           where t.bucket = p_bucket
             and t.source <> p_source
             and t.waits_until > p_now
             and t.waits_until <= p_now + interval '1250 ms') w;
$$;

comment on function ampsync_private.share_permits(text, bigint, integer, timestamptz)
  is 'How many of the permits that are free a source may have, beside others that wait.';
