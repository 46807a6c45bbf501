-- Rejects another name or other excluded columns for a table that was created already. Called
-- after revoke_lease.
create or replace function ampsync_private.check_table_kept(
  p_stream      ampsync_private.stream,
  p_old_name    text,
  p_new_name    text,
  p_old_columns jsonb,
  p_new_columns jsonb
)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_label text := ampsync_private.stream_label(p_stream.stream_id);
begin
  if p_new_name <> p_old_name and p_new_name <> p_stream.target_table then
    raise exception using
      errcode = 'SY004',
      message = format('table %s of %s is created already, as %I.%I',
                       p_stream.table_name, v_label, p_stream.target_schema, p_stream.target_table),
      detail  = 'The option rename is for tables that are still to be created. A table that you rename is followed.',
      hint    = format('alter table %I.%I rename to %I;', p_stream.target_schema, p_stream.target_table, p_new_name);
  end if;

  if not (p_new_columns @> p_old_columns and p_old_columns @> p_new_columns) then
    raise exception using
      errcode = 'SY004',
      message = format('table %s of %s is created already; its exclude_columns cannot be changed',
                       p_stream.table_name, v_label),
      detail  = format('Excluded are: %s. Given: %s.', p_old_columns, p_new_columns),
      hint    = format('To load it again, with other columns: drop table %s; '
                       'select ampsync.enqueue_sync(%L, exclude_columns => %L); select ampsync.resync(%2$L, %4$L);',
                       p_stream.target, v_label, jsonb_build_object(p_stream.table_name, p_new_columns),
                       p_stream.table_name);
  end if;
end;
$$;

comment on function ampsync_private.check_table_kept(ampsync_private.stream, text, text, jsonb, jsonb)
  is 'Raise SY004 if rename or exclude_columns change for a table that was created.';
