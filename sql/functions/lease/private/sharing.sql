-- How the streams that may run are shared by the workers that are alive: how many each holds, and
-- how many it should hold. All get the same, but none more than it has slots, and what one cannot
-- take is left to the others. Streams that wait for a later retry do not count. A worker that was
-- not heard of for 12 s, or whose number of slots is not known, cannot be given work: no row.
create or replace function ampsync_private.sharing()
  returns table (worker_id text, held bigint, share numeric)
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now   timestamptz := ampsync_private.now();
  v_alive bigint;
begin
  select count(*) into v_alive
    from ampsync_private.worker w
   where w.heartbeat_at > v_now - interval '12 s' and w.lost_at is null and w.slots is not null;
  if v_alive < 2 then
    return; -- As nearly always in small installations: nothing is counted.
  end if;

  return query
  with counted as materialized (
    select l.holder, count(*) as held
      from ampsync_private.lease l
     where l.lease_until > v_now
     group by 1
  ),
  runnable as materialized (
    select count(*) as streams
      from ampsync_private.stream s
      join ampsync_private.lease l using (stream_id)
      join (select t.state, ampsync_private.is_halted(t.state) as is_halted -- Once per state.
              from ampsync_private.stream t group by 1 offset 0) h using (state)
     where not h.is_halted
       and (l.lease_until > v_now or coalesce(s.next_retry <= v_now, true))
  ),
  levels as ( -- Those with the fewest slots first: what they cannot take raises the level of the others.
    select w.worker_id, w.slots, coalesce(c.held, 0) as held,
           greatest(r.streams - coalesce(sum(w.slots) over (order by w.slots, w.worker_id
                                           rows between unbounded preceding and 1 preceding), 0), 0)::numeric
             / (v_alive + 1 - row_number() over (order by w.slots, w.worker_id)) as level
      from ampsync_private.worker w
     cross join runnable r
      left join counted c on c.holder = w.worker_id
     where w.heartbeat_at > v_now - interval '12 s' and w.lost_at is null and w.slots is not null
  )
  select v.worker_id, v.held, least(v.slots, e.level)
    from levels v
   cross join (select (array_agg(x.level order by x.slots, x.worker_id) filter (where x.slots >= x.level))[1] as level
                 from levels x) e; -- Null: all slots are taken.
end;
$$;

comment on function ampsync_private.sharing()
  is 'How many streams each living worker holds, and how many it should hold; no row where there is one worker.';
