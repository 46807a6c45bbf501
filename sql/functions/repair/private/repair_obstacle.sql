-- Why a range of blocks cannot be fetched again; null if it can.
--   query      the table has a query, to which no condition is added
--   block_num  the server does not offer _block_num, so rows cannot be requested by block
--   range      it is none, or not all of it is loaded
--   reorg      a reorg may still replace the blocks, and no hash could prove that the server is on
--              our chain
create or replace function ampsync_private.repair_obstacle(
  p_stream_id   bigint,
  p_first_block bigint,
  p_last_block  bigint
)
  returns text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select case
           when s.query is not null then 'query'
           when not s.has_block_num then 'block_num'
           when not coalesce(p_first_block between s.origin and p_last_block
                             and p_last_block between s.from_block and s.checkpoint_block, false) then 'range'
           when not coalesce(p_last_block < (select min(h.first_block)
                                               from ampsync_private.history h
                                              where h.stream_id = s.stream_id), false)
                and ampsync_private.hash_column(s.stream_id) is null then 'reorg'
         end
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
$$;

comment on function ampsync_private.repair_obstacle(bigint, bigint, bigint)
  is 'Why a range of blocks cannot be fetched again: query, block_num, range or reorg; null if it can.';
