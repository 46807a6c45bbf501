-- Whether a table was created already; rejects another name or other excluded columns for it.
create or replace function ampsync_private.check_table_kept(
  p_stream_id   bigint,
  p_old_name    text,
  p_new_name    text,
  p_old_columns jsonb,
  p_new_columns jsonb
)
  returns boolean
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_label  text := ampsync_private.stream_label(p_stream_id);
  v_stream ampsync_private.stream;
begin
  select s.* into v_stream
    from ampsync_private.stream s
    join pg_class c on c.oid = s.target
   where s.stream_id = p_stream_id;
  if not found then
    return false;
  end if;

  if p_new_name <> p_old_name and p_new_name <> v_stream.target_table then
    raise exception using
      errcode = 'SY004',
      message = format('table %s of %s is created already, as %I.%I',
                       v_stream.table_name, v_label, v_stream.target_schema, v_stream.target_table),
      detail  = 'The option rename is for tables that are still to be created. A table that you rename is followed.',
      hint    = format('alter table %I.%I rename to %I;', v_stream.target_schema, v_stream.target_table, p_new_name);
  end if;

  if not (p_new_columns @> p_old_columns and p_old_columns @> p_new_columns) then
    raise exception using
      errcode = 'SY004',
      message = format('table %s of %s is created already; its exclude_columns cannot be changed',
                       v_stream.table_name, v_label),
      detail  = format('Excluded are: %s. Given: %s.', p_old_columns, p_new_columns),
      hint    = format('To load it again, with other columns: drop table %s; '
                       'select ampsync.enqueue_sync(%L, exclude_columns => %L); select ampsync.resync(%2$L, %4$L);',
                       v_stream.target, v_label, jsonb_build_object(v_stream.table_name, p_new_columns),
                       v_stream.table_name);
  end if;
  return true;
end;
$$;

comment on function ampsync_private.check_table_kept(bigint, text, text, jsonb, jsonb)
  is 'Whether a table was created; SY004 if its rename or exclude_columns would change.';
