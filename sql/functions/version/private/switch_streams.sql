-- Has the streams of a dataset read the version that it was offered, from their next pass on,
-- and queues passes for those that may have none. Tables that the version lacks become
-- `orphaned`, and keep the version that their rows come from; those that it has again go on, and
-- take part in the cut once they are at the head. A stream that failed because of what it was
-- sent may not fail with another version. The shadow of a stream follows along with it if both read
-- the same version, as during a resync; another one was planned for other columns.
--
-- p_tables: the names of the version's tables
--
-- Locks: stream rows.
create or replace function ampsync_private.switch_streams(
  p_dataset ampsync_private.dataset,
  p_tables  text[]
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now    timestamptz := ampsync_private.now();
  v_old    ampsync_private.stream;
  v_state  text;
  v_paused boolean := exists (select 1
                                from ampsync_private.stream s
                               where s.dataset_id = (p_dataset).dataset_id
                                 and s.state = 'paused');
begin
  for v_old in
    select s.*
      from ampsync_private.stream s
     where s.dataset_id = (p_dataset).dataset_id
       and s.state <> 'former'
       and s.query is null -- It names what it reads itself.
       and not exists (select 1
                         from ampsync_private.stream l
                        where l.stream_id = s.shadow_of
                          and (l.version, l.manifest_hash) is distinct from (s.version, s.manifest_hash))
     order by s.stream_id
       for no key update
  loop
    if v_old.table_name <> all (p_tables) then
      perform ampsync_private.orphan_stream(v_old.stream_id, (p_dataset).offered_version);
    else
      v_state := case
        when v_old.state = 'orphaned' and v_paused then 'paused'
        when v_old.state = 'orphaned' and exists (select 1
                                                    from ampsync_private.stream w
                                                   where w.shadow_of = v_old.stream_id
                                                      and w.state <> 'former') then 'resyncing'
        when v_old.state = 'orphaned'
             or v_old.state = 'failed' and v_old.error ->> 'code' in ('SY201', 'SY202', 'SY203', '42703')
          then 'retrying'
        else v_old.state end;
      update ampsync_private.stream s
         set version       = (p_dataset).offered_version,
             manifest_hash = (p_dataset).offered_hash,
             version_since = v_now,
             state         = v_state,
             since         = case when s.state <> v_state then v_now else s.since end,
             attempts      = case when s.state <> v_state then 0 else s.attempts end,
             error         = case when s.state = v_state then s.error end
       where s.stream_id = v_old.stream_id;
      if not ampsync_private.is_halted(v_state)
         and (v_state <> v_old.state or (p_dataset).quiesce_until is not null) then
        perform ampsync_private.schedule_stream(v_old.stream_id);
      end if;
    end if;
  end loop;
end;
$$;

comment on function ampsync_private.switch_streams(ampsync_private.dataset, text[])
  is 'Have the streams of a dataset read the version that it was offered, from their next pass on.';
