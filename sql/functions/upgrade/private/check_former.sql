-- The version that the last upgrade of a dataset replaced, with its tables; SY004 with what can
-- be done instead if it cannot be brought back.
create or replace function ampsync_private.check_former(
  p_dataset_id bigint
)
  returns ampsync_private.former
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_dataset ampsync_private.dataset;
  v_former  ampsync_private.former;
  v_name    text;
  v_label   text;
begin
  select * into strict v_dataset from ampsync_private.dataset d where d.dataset_id = p_dataset_id;
  v_label := v_dataset.label;
  if exists (select 1 from ampsync_private.upgrade u where u.dataset_id = p_dataset_id) then
    raise exception using
      errcode = 'SY004',
      message = format('%s is being upgraded; its version cannot be rolled back meanwhile', v_label),
      detail  = 'Nothing was changed.',
      hint    = format('select ampsync.cancel_resync(%1$L); select ampsync.rollback_version(%1$L);', v_label);
  end if;

  select * into v_former from ampsync_private.former f where f.dataset_id = p_dataset_id;
  v_name := coalesce(v_former.version, v_former.manifest_hash);
  if v_former.kept = 'kept' then
    return v_former;
  end if;
  raise exception using
    errcode = 'SY004',
    message = case v_former.kept
                when 'merged' then format('version %s of %s cannot be brought back: its rows were merged into those of '
                                          'the new one', v_name, v_label)
                when 'pruned' then format('version %s of %s cannot be brought back: its tables were kept until their '
                                          'time was over', v_name, v_label)
                else format('no upgrade of %s can be rolled back', v_label) end,
    detail  = case v_former.kept
                when 'merged' then 'All tables have the same columns in both versions, so no former table was kept.'
                when 'pruned' then format('They were replaced %s and kept for %s: ampsync.set_retention.',
                                          date_trunc('second', v_former.replaced_at),
                                          (select r.former_age from ampsync_private.retention r))
                else 'Only a version that was replaced by ampsync.resync, or by on_new_version => ''resync'', is kept.'
              end,
    hint    = case when v_former.kept is null then 'select * from ampsync.version_history;'
                   else format('select ampsync.enqueue_sync(%L, target_schema => %L);',
                               split_part(v_label, '@', 1) || '@' || v_name,
                               ampsync_private.cut_name(v_dataset.target_schema, 50) || '_'
                               || translate(left(v_name, 12), '.-+', '___'))
              end;
end;
$$;

comment on function ampsync_private.check_former(bigint)
  is 'The version that the last upgrade of a dataset replaced; SY004 if it cannot be brought back.';
