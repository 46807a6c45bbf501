-- Stores `rename` and `exclude_columns` of a dataset, table by table, once it is sure that they
-- can be had: a table that was created keeps its name and its columns (check_table_kept), and
-- each target is free. A pass that may have planned its table the other way is ended, and the
-- next one queued.
--
-- p_tables: the option `tables` of the same call.
--
-- Locks: for each stream whose options change fence (exclusive), stream row, lease row. The
-- caller holds the dataset row.
create or replace function ampsync_private.apply_table_options(
  p_dataset_id      bigint,
  p_tables          text[],
  p_rename          jsonb,
  p_exclude_columns jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_old     ampsync_private.dataset;
  v_new     ampsync_private.dataset;
  v_changed record;
  v_stream  ampsync_private.stream;
  v_other   text;
begin
  select * into strict v_old from ampsync_private.dataset d where d.dataset_id = p_dataset_id;
  update ampsync_private.dataset d
     set tables          = coalesce(p_tables, d.tables),
         rename          = jsonb_strip_nulls(d.rename || coalesce(p_rename, '{}')),
         exclude_columns = jsonb_strip_nulls(d.exclude_columns || coalesce(p_exclude_columns, '{}'))
   where d.dataset_id = p_dataset_id
  returning * into v_new;

  select k.name into v_other
    from jsonb_object_keys(jsonb_strip_nulls(coalesce(p_rename, '{}'))
                           || jsonb_strip_nulls(coalesce(p_exclude_columns, '{}'))) k(name)
   where k.name <> all (coalesce(p_tables, v_new.tables));
  if found then
    raise exception using
      errcode = 'SY004',
      message = format('table %s is not among the tables of %s that are synced', v_other, v_new.label),
      detail  = format('Synced are: %s.', coalesce(p_tables, v_new.tables)),
      hint    = format('select ampsync.enqueue_sync(%L, tables => %L);', v_new.label,
                       coalesce(p_tables, v_new.tables) || v_other);
  end if;

  for v_changed in
    select s.stream_id, o.*, o.columns @> o.old_columns and o.old_columns @> o.columns as same_columns
      from ampsync_private.stream s
     cross join lateral (
       select ampsync_private.target_name(v_new, s.table_name) as target_table,
              ampsync_private.target_name(v_old, s.table_name) as old_target_table,
              coalesce(v_new.exclude_columns -> s.table_name, '[]') as columns,
              coalesce(v_old.exclude_columns -> s.table_name, '[]') as old_columns
     ) o
     where s.dataset_id = p_dataset_id
       and s.shadow_of is null
       and (o.target_table <> o.old_target_table
            or not (o.columns @> o.old_columns and o.old_columns @> o.columns))
     order by s.stream_id
  loop
    -- First, because a rollback does not bring back the writers that revoke_lease ends.
    continue when ampsync_private.check_table_kept(v_changed.stream_id, v_changed.old_target_table,
                    v_changed.target_table, v_changed.old_columns, v_changed.columns)
              and v_changed.same_columns;
    perform ampsync_private.revoke_lease(v_changed.stream_id);
    select * into strict v_stream
      from ampsync_private.stream s
     where s.stream_id = v_changed.stream_id;
    if not ampsync_private.check_table_kept(v_changed.stream_id, v_changed.old_target_table,
             v_changed.target_table, v_changed.old_columns, v_changed.columns) then -- Not created meanwhile.
      perform ampsync_private.check_target_free(p_dataset_id, v_stream.table_name, v_stream.target_schema,
                                                v_changed.target_table);
      update ampsync_private.stream s
         set target_table = v_changed.target_table
       where s.stream_id = v_stream.stream_id;
    end if;
    if not ampsync_private.is_halted(v_stream.state) then
      perform ampsync_private.schedule_stream(v_stream.stream_id);
    end if;
  end loop;

  perform ampsync_private.check_target_free(p_dataset_id, t.name, v_new.target_schema,
                                            ampsync_private.target_name(v_new, t.name))
     from unnest(p_tables) t(name);
end;
$$;

comment on function ampsync_private.apply_table_options(bigint, text[], jsonb, jsonb)
  is 'Store rename and exclude_columns of a dataset; SY004 where a table is created already.';
