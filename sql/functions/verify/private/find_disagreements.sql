-- Blocks whose hash in one stream's rows differs from the hash in the rows of another stream of
-- the same dataset and network that has the chain of hashes (`hash` and `parent_hash`), up to
-- the block at which all streams agree. See ampsync.verify.
--
-- One row of each block is compared; find_hash_faults checks that they are all alike.
create or replace function ampsync_private.find_disagreements(
  p_stream_id bigint
)
  returns table (finding text, first_block bigint, last_block bigint, detail text)
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set enable_bitmapscan = off
  set jit = off
as $$
declare
  v_stream ampsync_private.stream;
  v_column text := ampsync_private.hash_column(p_stream_id);
  v_chain  ampsync_private.stream;
begin
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;

  for v_chain in
    select *
      from ampsync_private.stream c
     where c.dataset_id = v_stream.dataset_id
       and c.network = v_stream.network
       and c.shadow_of is null
       and c.stream_id <> p_stream_id
       and v_column = 'block_hash'
       and ampsync_private.hash_column(c.stream_id) = 'hash'
     order by c.stream_id
  loop
    return query execute format(
      $sql$
      select 'tables disagree', min(d.block), max(d.block),
             format('block_hash is not the hash of the block in table %%s (%%s blocks).', $3, count(*))
        from (select b._block_num as block, b._block_num - row_number() over (order by %3$s) as island
                from %1$s b
               cross join lateral (
                  select t.block_hash as hash
                    from %2$s t
                   where %4$s
                   limit 1) r
               where %5$s
                 and r.hash is distinct from b.hash) d
       group by d.island
       order by 2
      $sql$, v_chain.target, v_stream.target, ampsync_private.block_key(v_chain.identity, 'b'),
      ampsync_private.in_blocks(v_stream.identity, 'b._block_num', 'b._block_num + 1'),
      ampsync_private.in_blocks(v_chain.identity, '$1', '$2 + 1', 'b'))
      using v_stream.origin, ampsync_private.common_block(v_stream.dataset_id, v_stream.network), v_chain.table_name;
  end loop;
end;
$$;

comment on function ampsync_private.find_disagreements(bigint)
  is 'Blocks whose hash in a stream''s rows is not the one in the dataset''s table of blocks.';
