-- All that is wrong with the rows of one stream: see ampsync.verify. What is wrong in the same way
-- without a gap is one fault: a hole of a million blocks would be a thousand otherwise, because the
-- ledger has an entry for each thousand.
create or replace function ampsync_private.find_faults(
  p_stream_id bigint
)
  returns table (finding text, first_block bigint, last_block bigint, detail text)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with fault as (
    select l.finding, l.first_block, l.last_block, l.detail, l.entry_first, l.entry_last, l.found_count, l.row_count
      from ampsync_private.find_ledger_faults(p_stream_id) l
     union all
    select h.finding, h.first_block, h.last_block, h.detail, null, null, null, null
      from ampsync_private.find_hash_faults(p_stream_id) h
     union all
    select d.finding, d.first_block, d.last_block, d.detail, null, null, null, null
      from ampsync_private.find_disagreements(p_stream_id) d
  ),
  placed as (
    select f.*, max(f.last_block) over (partition by f.finding order by f.first_block, f.last_block
                                        rows between unbounded preceding and 1 preceding) as before
      from fault f
  ),
  joined as (
    select p.*, count(*) filter (where p.before is null or p.first_block > p.before + 1)
                  over (partition by p.finding order by p.first_block, p.last_block) as island
      from placed p
  ),
  counted as (
    select o.*, row_number() over (partition by o.finding, o.island, o.entry_first) = 1 as is_first_of_entry
      from joined o
  )
  select j.finding, min(j.first_block), max(j.last_block),
         case when count(*) = 1 then min(j.detail)
              when bool_and(j.entry_first is not null)
                then format('%s rows in blocks %s to %s, where %s were loaded.',
                            sum(j.found_count) filter (where j.is_first_of_entry),
                            min(j.entry_first), max(j.entry_last),
                            sum(j.row_count) filter (where j.is_first_of_entry))
              else format('%s in a row, the first: %s', count(*),
                          (array_agg(j.detail order by j.first_block))[1]) end
    from counted j
   group by j.finding, j.island;
$$;

comment on function ampsync_private.find_faults(bigint)
  is 'All that is wrong with the rows of one stream, one row for each hole.';
