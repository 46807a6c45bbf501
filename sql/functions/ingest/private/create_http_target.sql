-- Creates the target of an HTTP source, its schema if that is missing: owned by the role that writes
-- targets (writer), and open to ampsync_reader.
create or replace function ampsync_private.create_http_target(
  p_target_schema text,
  p_table_name    text,
  p_source        jsonb
)
  returns regclass
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_writer name := ampsync_private.writer();
  v_target regclass;
  v_ddl    text;
begin
  for v_ddl in select d.ddl from ampsync_private.http_target_ddl(p_target_schema, p_table_name, p_source) d(ddl)
  loop
    execute v_ddl;
  end loop;
  v_target := format('%I.%I', p_target_schema, p_table_name)::regclass;
  if v_writer <> current_user then
    execute format('alter table %s owner to %I', v_target, v_writer);
  end if;
  perform ampsync_private.open_to_readers(v_target);

  execute format('comment on table %s is %L', v_target, 'Kept in sync by ampsync; see ampsync.streams.');
  for v_ddl in
    select format('comment on column %s.%I is %L', v_target, c.name, c.meaning)
      from (values ('_id', 'Key of the row: 16 bytes of the hash of its record.'),
                   ('_row', 'Key of the row: in the order in which rows were inserted.'),
                   ('ingested_at', 'When the row was inserted.')) c(name, meaning)
      join pg_attribute a on a.attrelid = v_target and a.attname = c.name
     where not p_source -> 'columns' @> jsonb_build_array(jsonb_build_object('name', c.name))
  loop
    execute v_ddl;
  end loop;
  return v_target;
end;
$$;

comment on function ampsync_private.create_http_target(text, text, jsonb)
  is 'Create the target of an HTTP source, and its schema if that is missing.';
