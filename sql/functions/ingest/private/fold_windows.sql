-- Makes one row of neighbouring windows that are read for good. It belongs to the newest of their runs: by an
-- older one it would not be read for good, and the next run would read all of it again.
--
-- Locks: rows of parts.
create or replace function ampsync_private.fold_windows(
  p_stream_id bigint,
  p_range     jsonb
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with ordered as (
    select p.*, f.is_final,
           coalesce(lag(f.is_final) over w and lag(p.until) over w = p.since, false) as goes_on
      from ampsync_private.part p
     cross join lateral ampsync_private.is_final(p, p_range) f(is_final)
     where p.stream_id = p_stream_id
    window w as (order by p.since)
  ),
  numbered as (
    select o.*, count(*) filter (where not o.goes_on) over (order by o.since) as chain
      from ordered o
     where o.is_final
  ),
  folded as (
    select min(n.part_no) as part_no, array_agg(n.part_no) as parts, min(n.since) as since, max(n.until) as until,
           max(n.high) as high, max(n.run) as run, max(n.begun_at) as begun_at, sum(n.pages) as pages,
           sum(n.records) as records
      from numbered n
     group by n.chain
    having count(*) > 1
  ),
  gone as (
    delete from ampsync_private.part p
     using folded f
     where p.stream_id = p_stream_id
       and p.part_no = any (f.parts)
       and p.part_no <> f.part_no
  )
  update ampsync_private.part p
     set since = f.since, until = f.until, high = f.high, run = f.run, begun_at = f.begun_at, pages = f.pages,
         records = f.records
    from folded f
   where p.stream_id = p_stream_id
     and p.part_no = f.part_no;
$$;

comment on function ampsync_private.fold_windows(bigint, jsonb)
  is 'Make one row of neighbouring windows that are read for good.';
