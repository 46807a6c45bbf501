-- What is to be done now about the upgrade of a dataset; null: nothing, or there is none.
--
--   extend  a table is loaded by now that had no rows when the upgrade began: build it beside too
--   freeze  all shadows are at the head: stop the old streams, so that they can be reached
--   swap    they are, and ampsync.cut would not go back: exchange all tables. Where a shadow does
--           not get there within 30 s, also if that is the head of a shorter chain (swap_is_due)
--   thaw    they were not reached within 60 s: let the old streams go on, and try again later
--
-- Nothing is done while a stream is paused, nor after a failure until its next attempt.
create or replace function ampsync_private.upgrade_step(
  p_dataset_id bigint
)
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_upgrade ampsync_private.upgrade;
  v_pairs   record;
begin
  select * into v_upgrade
    from ampsync_private.upgrade u
   where u.dataset_id = p_dataset_id;
  if v_upgrade.tables is null
     or exists (select 1
                  from ampsync_private.stream s
                 where s.dataset_id = p_dataset_id
                   and s.state = 'paused') then
    return null;
  end if;

  select coalesce(bool_and(w.stream_id is not null), true) as complete,
         coalesce(bool_and(w.state = 'live'), true) as live,
         coalesce(bool_or(ampsync_private.is_halted(w.state)), false) as halted,
         array_agg(w.stream_id) filter (where w.checkpoint_block >= s.checkpoint_block is not true) as behind
    into v_pairs
    from ampsync_private.stream s
    left join ampsync_private.stream w on w.shadow_of = s.stream_id and w.state <> 'former'
   where s.dataset_id = p_dataset_id
     and s.shadow_of is null
     and s.target is not null
     and ampsync_private.is_upgraded(v_upgrade, s);
  if not v_pairs.complete then
    return 'extend';
  end if;

  if v_upgrade.frozen_at is null then
    return case when v_pairs.live and coalesce(v_upgrade.next_retry <= ampsync_private.now(), true) then 'freeze' end;
  end if;

  if not v_pairs.halted
     and coalesce(v_upgrade.next_retry <= ampsync_private.now(), true)
     and (v_pairs.behind is null and ampsync_private.cut_is_reached(p_dataset_id)
          or v_upgrade.frozen_at <= ampsync_private.now() - interval '30 s'
             and not exists (select 1
                               from unnest(v_pairs.behind) w(stream_id)
                              where not ampsync_private.swap_is_due(w.stream_id))) then
    return 'swap';
  end if;
  return case when v_upgrade.frozen_at <= ampsync_private.now() - interval '60 s' then 'thaw' end;
end;
$$;

comment on function ampsync_private.upgrade_step(bigint)
  is 'What is to be done now about the upgrade of a dataset: extend, freeze, swap, thaw, or nothing.';
