-- Changes the target of a stream so that it fits the planned columns, as plan_evolution says,
-- and stores what it has then. Columns keep their order in stream.columns and new ones follow:
-- in that order `_id` is hashed. Returns whether anything differed. SY201, and nothing is
-- changed, if the plan is refused.
--
-- Locks: the target (access exclusive) for each statement; see lock_for_change, which the caller
-- calls first. The stream row.
create or replace function ampsync_private.apply_evolution(
  p_stream_id     bigint,
  p_has_block_num boolean,
  p_columns       jsonb
)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '300ms'
as $$
declare
  v_step    record;
  v_differs boolean := false;
  v_freed   text[];
  v_detail  text;
begin
  for v_step in
    select e.*
      from ampsync_private.plan_evolution(p_stream_id, p_has_block_num, p_columns) e
     where e.action <> 'keep'
  loop
    v_differs := true;
    begin
      execute coalesce(v_step.ddl, 'select');
    exception when feature_not_supported or dependent_objects_still_exist or syntax_error_or_access_rule_violation then
      get stacked diagnostics v_detail = pg_exception_detail;
      raise exception using
        errcode = 'SY201',
        message = format('column %s cannot be changed as the schema requires: %s', v_step.column_name, sqlerrm),
        detail  = coalesce(nullif(v_detail, ''), 'Nothing was changed.'),
        hint    = format('%s; select ampsync.resume_sync(%L);', v_step.ddl, ampsync_private.stream_label(p_stream_id));
    end;
    case v_step.action
      when 'add_column' then
        perform ampsync_private.journal(p_stream_id, 'column_added', jsonb_build_object(
                  'column', v_step.column_name, 'type', v_step.new_type));
      when 'widen_column' then
        perform ampsync_private.journal(p_stream_id, 'column_widened', jsonb_build_object(
                  'column', v_step.column_name, 'from', v_step.old_type, 'to', v_step.new_type));
      when 'forget_column' then
        perform ampsync_private.journal(p_stream_id, 'column_forgotten', jsonb_build_object(
                  'column', v_step.column_name));
      when 'drop_not_null' then
        v_freed := v_freed || v_step.column_name;
      when 'refuse' then -- Since its caller checked: another session changed the table.
        perform ampsync_private.check_evolution(p_stream_id, p_has_block_num, p_columns);
    end case;
  end loop;

  if v_freed is not null then
    perform ampsync_private.journal(p_stream_id, 'not_null_dropped', jsonb_build_object('columns', v_freed));
  end if;
  if v_differs then
    update ampsync_private.stream s
       set columns = (
             select jsonb_agg(jsonb_build_object(
                                'name', p.name, 'type', format_type(a.atttypid, a.atttypmod),
                                'not_null', coalesce(m.not_null, false) and p.name <> all (coalesce(v_freed, '{}')))
                              order by m.n, p.n)
               from (select p.value ->> 'name' as name, p.ordinality as n
                       from jsonb_array_elements(p_columns) with ordinality p) p
               join pg_attribute a on a.attrelid = s.target and a.attname = p.name
               left join (select m.value ->> 'name' as name, (m.value ->> 'not_null')::boolean as not_null,
                                 m.ordinality as n
                            from jsonb_array_elements(s.columns) with ordinality m) m using (name))
     where s.stream_id = p_stream_id;
  end if;
  return v_differs;
end;
$$;

comment on function ampsync_private.apply_evolution(bigint, boolean, jsonb)
  is 'Change a stream''s target so that it fits the planned columns; SY201 if that is refused.';
