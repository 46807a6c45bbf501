-- Creates a target table, its schema if that is missing, and the view of checkpoints in it: owned
-- by the role that writes targets (writer), and open to ampsync_reader.
create or replace function ampsync_private.create_target(
  p_target_schema text,
  p_table_name    text,
  p_has_block_num boolean,
  p_columns       jsonb,
  p_identity      text
)
  returns regclass
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_writer name := ampsync_private.writer();
  v_ddl    text;
  v_target regclass;
begin
  for v_ddl in
    select d.ddl
      from ampsync_private.target_ddl(
             p_target_schema, p_table_name, p_has_block_num, p_columns, p_identity) d(ddl)
  loop
    execute v_ddl;
  end loop;
  v_target := format('%I.%I', p_target_schema, p_table_name)::regclass;
  if v_writer <> current_user then
    execute format('alter table %s owner to %I', v_target, v_writer);
  end if;
  if p_target_schema <> 'ampsync_private' then -- A shadow gets the grants of the table that it replaces.
    perform ampsync_private.open_to_readers(v_target);
  end if;
  perform ampsync_private.show_checkpoints(p_target_schema);
  perform ampsync_private.comment_target(v_target, p_has_block_num, p_identity);
  return v_target;
end;
$$;

comment on function ampsync_private.create_target(text, text, boolean, jsonb, text)
  is 'Create a target table with its system columns, and its schema if that is missing.';
