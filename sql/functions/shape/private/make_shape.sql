-- Checks a shape against its table as it is now, and stores it, in the place of one of the same name. One that says the
-- same and gives rows stays as it is; one that had failed is loaded anew by its clients.
--
-- p_shape  published_id, name, and what create_shape was given
--
-- Locks: the row of the shape; the table, ACCESS SHARE.
create or replace function ampsync_private.make_shape(
  p_shape ampsync_private.shape
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_table   ampsync_private.published;
  v_columns jsonb;
  v_was     ampsync_private.shape;
  v_parsed  record;
begin
  select * into strict v_table from ampsync_private.published p where p.published_id = p_shape.published_id;
  v_columns := ampsync_private.present_columns(v_table);
  if p_shape.keep_blocks is not null and (v_table.mode <> 'blocks' or p_shape.keep_blocks < 1) then
    perform ampsync_private.raise_shape(p_shape.name, format('it cannot keep %s blocks', p_shape.keep_blocks),
      case when v_table.mode <> 'blocks' then 'Only tables of datasets have blocks.' else 'It is one at least.' end,
      case when v_table.mode <> 'blocks' then 'Leave keep_blocks out.' else 'Leave keep_blocks out to keep all.' end);
  end if;
  perform ampsync_private.check_bind(p_shape, v_columns);
  v_parsed := ampsync_private.parsed_filter(p_shape.name, v_table.relation, p_shape.filter);
  p_shape.filter := v_parsed.filter;
  p_shape.filter_columns := v_parsed.columns;
  perform ampsync_private.check_filter_columns(p_shape, v_columns);
  perform ampsync_private.check_shape_columns(p_shape, v_table.relation, v_columns);
  perform ampsync_private.check_shape_identity(p_shape, v_table, v_columns);
  perform ampsync_private.check_shape_access(p_shape, v_table);
  perform ampsync_private.check_shape_index(p_shape, v_table);

  select * into v_was from ampsync_private.shape s where s.name = p_shape.name for update;
  p_shape.renewed := coalesce(v_was.renewed, 0) + case v_was.state when 'failed' then 1 else 0 end;
  p_shape.definition := ampsync_private.shape_definition(p_shape);
  p_shape.low := case when v_was.published_id = p_shape.published_id and v_was.keep_blocks = p_shape.keep_blocks
                        then v_was.low
                      else ampsync_private.window_start(v_table, p_shape.keep_blocks) end;
  p_shape.uses := ampsync_private.column_uses(v_columns, ampsync_private.bound_columns(p_shape.bind)
                                                         || p_shape.filter_columns || p_shape.columns);
  if v_was.definition = p_shape.definition and v_was.uses = p_shape.uses then
    return;
  end if;
  insert into ampsync_private.shape as s
         (name, published_id, columns, bind, filter, filter_columns, uses, keep_blocks, low, public, unindexed, rls,
          renewed, made_at, definition, state, since, error)
  values (p_shape.name, p_shape.published_id, p_shape.columns, p_shape.bind, p_shape.filter, p_shape.filter_columns,
          p_shape.uses, p_shape.keep_blocks, p_shape.low, p_shape.public, p_shape.unindexed, p_shape.rls,
          p_shape.renewed, ampsync_private.log_head(), p_shape.definition, 'live', ampsync_private.now(), null)
  on conflict (name) do update
     set published_id = excluded.published_id, columns = excluded.columns, bind = excluded.bind,
         filter = excluded.filter, filter_columns = excluded.filter_columns, uses = excluded.uses,
         keep_blocks = excluded.keep_blocks, low = excluded.low, public = excluded.public,
         unindexed = excluded.unindexed, rls = excluded.rls, renewed = excluded.renewed, made_at = excluded.made_at,
         definition = excluded.definition, state = 'live', since = excluded.since, error = null;
  perform ampsync_private.journal(v_table.stream_id, 'shape_defined', jsonb_build_object(
            'shape', p_shape.name, 'table', format('%I.%I', v_table.schema_name, v_table.table_name),
            'public', p_shape.public, 'definition', p_shape.definition));
end;
$$;

comment on function ampsync_private.make_shape(ampsync_private.shape)
  is 'Check a shape against its table as it is now, and store it.';
