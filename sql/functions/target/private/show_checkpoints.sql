-- Creates the view of checkpoints in a target schema, or corrects it after the schema was
-- renamed. A relation of that name that is not ours stays as it is.
--
-- Idempotent. Locks: an advisory lock on the name of the schema.
create or replace function ampsync_private.show_checkpoints(
  p_target_schema text
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_writer name := ampsync_private.writer();
  v_is_new boolean;
  v_name   text := format('%I._ampsync_checkpoints', p_target_schema);
begin
  if p_target_schema = 'ampsync_private' then -- Shadows are not shown.
    return;
  end if;

  perform pg_advisory_xact_lock(hashtextextended('ampsync.schema:' || p_target_schema, 0));
  if to_regclass(v_name) is not null
     and coalesce(strpos(ampsync_private.checkpoints_definition(p_target_schema), quote_literal(p_target_schema)) <> 0,
                  true) then
    return;
  end if;

  v_is_new := to_regclass(v_name) is null;
  execute format(
    'create or replace view %s as
     select c.target_table as table_name, c.network, c.incremental_block_num, c.incremental_updated_at,
            c.watermark_block_num, c.watermark_block_hash, c.watermark_updated_at, c.updated_at
       from ampsync.checkpoints c
      where c.target_schema = %L', v_name, p_target_schema);
  if v_is_new then
    if v_writer <> current_user then
      execute format('alter view %s owner to %I', v_name, v_writer);
    end if;
    perform ampsync_private.open_to_readers(v_name);
  end if;
end;
$$;

comment on function ampsync_private.show_checkpoints(text)
  is 'Create the view of checkpoints in a target schema, or correct it.';
