-- The hash of a block in the dataset's table of blocks, for a stream of the same network. Null
-- if there is no such table, it lacks the block, or a reorg may still replace the block there:
-- then the two tables may be on different chains.
create or replace function ampsync_private.hash_in_table_of_blocks(
  p_stream_id bigint,
  p_block     bigint
)
  returns bytea
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select ampsync_private.hash_in_rows(c.stream_id, 'hash', p_block)
    from ampsync_private.stream s
    join ampsync_private.stream c
      on c.dataset_id = s.dataset_id
     and c.network = s.network
     and c.shadow_of is null
   where s.stream_id = p_stream_id
     and ampsync_private.hash_column(c.stream_id) = 'hash'
     and p_block < (select min(h.first_block) from ampsync_private.history h where h.stream_id = c.stream_id)
   order by c.stream_id
   limit 1;
$$;

comment on function ampsync_private.hash_in_table_of_blocks(bigint, bigint)
  is 'The hash of an old block in the dataset''s table of blocks.';
