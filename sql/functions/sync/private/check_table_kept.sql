-- Whether a table was created already; rejects another name for it, and excluded columns that it
-- has from us. Others may be excluded, such as one that a later version has and that no table
-- can store. One that is no longer excluded is added by the next pass, as a new column is.
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
  v_stored name[];
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

  select array_agg(a.attname order by a.attnum) into v_stored
    from jsonb_array_elements(v_stream.columns) m
    join pg_attribute a on a.attrelid = v_stream.target and a.attname = m.value ->> 'name'
   where p_new_columns ? a.attname
     and not p_old_columns ? a.attname;
  if v_stored is not null then
    raise exception using
      errcode = 'SY004',
      message = format('table %s of %s is created already, with what exclude_columns would leave out: %s',
                       v_stream.table_name, v_label, array_to_string(v_stored, ', ')),
      detail  = format('Excluded are: %s. Given: %s.', p_old_columns, p_new_columns),
      hint    = format('alter table %s %s; select ampsync.enqueue_sync(%L, exclude_columns => %L); '
                       'select ampsync.resume_sync(%3$L);',
                       v_stream.target,
                       (select string_agg(format('drop column %I', c.name), ', ') from unnest(v_stored) c(name)),
                       v_label, jsonb_build_object(v_stream.table_name, p_new_columns));
  end if;
  return true;
end;
$$;

comment on function ampsync_private.check_table_kept(bigint, text, text, jsonb, jsonb)
  is 'Whether a table was created; SY004 if its name, or what it has, would change.';
