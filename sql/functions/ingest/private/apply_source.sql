-- Stores what changes of an HTTP source that is there: its definition and its policies; and takes the table that
-- its definition adopts, where it has none yet. Passes under way
-- end within seconds (renew_leases), and the next one goes by what is stored now, from the same
-- position; with p_restart, or where the position means nothing any more, from the beginning, and no
-- page that was read before is committed. Returns a hint where something is left to be called.
--
-- changed_at is later than each lease that was taken under the old definition, because taking one
-- waits for the stream row.
--
-- Locks: fence (exclusive) and lease row where the position or the table to be made changes; stream
-- row; rows of parts. The caller holds the dataset row.
create or replace function ampsync_private.apply_source(
  p_dataset      ampsync_private.dataset,
  p_source       jsonb,
  p_value_policy text,
  p_nul_policy   text,
  p_restart      boolean
)
  returns text
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_old     constant jsonb := p_dataset.definition || jsonb_build_object(
                                'value_policy', p_dataset.value_policy, 'nul_policy', p_dataset.nul_policy);
  v_new     constant jsonb := p_source || jsonb_build_object(
                                'value_policy', coalesce(p_value_policy, p_dataset.value_policy),
                                'nul_policy', coalesce(p_nul_policy, p_dataset.nul_policy));
  v_changed constant text[] := array(select k.key from jsonb_object_keys(v_old || v_new) k (key)
                                      where v_old -> k.key is distinct from v_new -> k.key order by 1);
  v_moves   constant boolean := p_restart or ampsync_private.position_keys(p_source)
                                             <> ampsync_private.position_keys(p_dataset.definition);
  v_stream  ampsync_private.stream;
begin
  select s.* into strict v_stream
    from ampsync_private.stream s
   where s.dataset_id = p_dataset.dataset_id;
  if v_changed = '{}' and not p_restart
     and (v_stream.target is not null or not p_source @> '{"adopt": true}'
          or to_regclass(format('%I.%I', v_stream.target_schema, v_stream.target_table)) is null) then
    return null;
  end if;

  -- First, because a rollback does not bring back the writers that revoke_lease ends.
  perform ampsync_private.check_source_change(p_dataset, p_source, p_restart);
  if v_moves or v_stream.target is null then
    perform ampsync_private.revoke_lease(v_stream.stream_id);
  end if;
  perform 1 from ampsync_private.stream s where s.stream_id = v_stream.stream_id for no key update;
  perform ampsync_private.check_source_change(p_dataset, p_source, p_restart); -- A page may have been committed.
  select s.* into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = v_stream.stream_id;

  update ampsync_private.dataset d
     set definition = p_source, changed_at = ampsync_private.now(),
         value_policy = v_new ->> 'value_policy', nul_policy = v_new ->> 'nul_policy'
   where d.dataset_id = p_dataset.dataset_id
  returning * into p_dataset;
  perform ampsync_private.adopt_target(p_dataset, v_stream.stream_id);
  perform ampsync_private.journal(v_stream.stream_id, 'source_changed', jsonb_strip_nulls(jsonb_build_object(
            'changed', to_jsonb(v_changed),
            'from', (select jsonb_object_agg(k.key, left((v_old -> k.key)::text, 1000)) from unnest(v_changed) k (key)),
            'to', (select jsonb_object_agg(k.key, left((v_new -> k.key)::text, 1000)) from unnest(v_changed) k (key)),
            'restarted', case when v_moves then true end)))
    where v_changed <> '{}' or v_moves; -- Otherwise a table was taken.

  if v_moves then
    perform ampsync_private.restart_source(v_stream.stream_id);
    perform ampsync_private.adopt_target(p_dataset, v_stream.stream_id);
  elsif v_stream.state = 'complete' and not 'every' = any (v_changed) then
    return format('select * from ampsync.resume_sync(%L); -- it is complete: that takes effect with its next run',
                  p_dataset.label);
  else
    update ampsync_private.stream s -- Read once from now on: the run that was due is not begun.
       set run_due = null
     where s.stream_id = v_stream.stream_id
       and not p_source ? 'every';
    perform ampsync_private.wake_source(v_stream.stream_id, 'every' = any (v_changed) and p_source ? 'every');
  end if;
  return case when v_stream.state in ('failed', 'paused') and not (v_moves and v_stream.state = 'failed')
              then format('select * from ampsync.resume_sync(%L);', p_dataset.label) end;
end;
$$;

comment on function ampsync_private.apply_source(ampsync_private.dataset, jsonb, text, text, boolean)
  is 'Store what changes of an HTTP source; returns a hint where something is left to be called.';
