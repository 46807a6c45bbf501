-- A range of blocks as people and consumers read it.
create or replace function ampsync_private.block_data(
  p_block ampsync_private.change_block
)
  returns jsonb
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('from_block', p_block.first_block, 'to_block', p_block.last_block, 'rows', p_block.rows);
$$;

comment on function ampsync_private.block_data(ampsync_private.change_block)
  is 'A range of blocks as JSON: from_block, to_block (null: everything from there on), rows.';
