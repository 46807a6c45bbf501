-- Where the window of a shape begins: the newest block of its table less `keep_blocks`. Null: it holds all blocks.
create or replace function ampsync_private.window_start(
  p_table       ampsync_private.published,
  p_keep_blocks bigint
)
  returns bigint
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select s.checkpoint_block - p_keep_blocks
    from ampsync_private.stream s
   where s.stream_id = p_table.stream_id
     and s.checkpoint_block > p_keep_blocks;
$$;

comment on function ampsync_private.window_start(ampsync_private.published, bigint)
  is 'Where the window of a shape begins; null: it holds all blocks.';
