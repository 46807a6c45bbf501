-- Moves the times until which HTTP sources rest by as much as the clock was set back since a supervisor last looked: a
-- rest that began before would otherwise last longer by that. What is due does not go on being put off.
--
-- The clock is known as far as supervisors have seen it, which is some seconds ago while a worker runs. By so much, or
-- by the time that none has run, a rest may still be longer.
--
-- Waits for nobody: where another supervisor looks at this moment, it does so for both. A rest that somebody holds at
-- this moment leaves all of them, and the clock, to the next run: what is moved must not be moved again.
--
-- Locks: the row of the clock, stream rows; none of them is waited for.
create or replace function ampsync_private.move_rests()
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now   timestamptz := ampsync_private.now();
  v_seen  timestamptz;
  v_back  interval; -- By so much the clock was set back.
  v_rests bigint[]; -- Streams that rest.
begin
  select c.seen_at into v_seen
    from ampsync_private.clock c
     for update skip locked;
  if not found then
    return;
  end if;
  if v_seen > v_now + interval '1 s' then -- Otherwise it may be infinite.
    v_rests := array(select s.stream_id
                       from ampsync_private.stream s
                       join ampsync_private.dataset d using (dataset_id)
                      where d.kind = 'http'
                        and greatest(s.next_retry, s.run_due) > v_now
                      order by s.stream_id);
    if cardinality(v_rests) <> (select count(*)
                                  from (select 1
                                          from ampsync_private.stream s
                                         where s.stream_id = any (v_rests)
                                           for no key update skip locked) l) then
      return;
    end if;

    v_back := v_seen - v_now;
    update ampsync_private.stream s
       set next_retry = case when s.next_retry > v_now then greatest(s.next_retry - v_back, v_now)
                             else s.next_retry end,
           run_due    = case when s.run_due > v_now then greatest(s.run_due - v_back, v_now)
                             else s.run_due end
     where s.stream_id = any (v_rests);
  end if;
  update ampsync_private.clock c set seen_at = v_now;
end;
$$;

comment on function ampsync_private.move_rests()
  is 'Move the times until which HTTP sources rest by as much as the clock was set back.';
