-- What is wrong with the block hashes in the rows of one stream, in one walk along the index of
-- block_key: two hashes at one height, a parent hash that is not the hash of the block before, a hash
-- that contradicts the history. Nothing if the rows carry no hash. See ampsync.verify.
create or replace function ampsync_private.find_hash_faults(
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
begin
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  if v_column is null then
    return;
  end if;

  return query execute format(
    $sql$
    select case when f.is_same then 'two hashes' else 'broken chain' end,
           f.block - case when f.is_same then 0 else 1 end, f.block,
           case when f.is_same then format('Rows of block %%s have different hashes.', f.block)
                else format('The parent hash in block %%s is not the hash in block %%s.', f.block, f.block - 1) end
      from (select distinct t.block, t.block = t.before_block as is_same
              from (select r._block_num as block, r.%1$I as hash, %2$s as parent_hash,
                           lag(r._block_num) over o as before_block, lag(r.%1$I) over o as before_hash
                      from %3$s r
                     where %4$s
                    window o as (order by %5$s)) t
             where case t.block - t.before_block
                     when 0 then t.hash is distinct from t.before_hash
                     when 1 then $3 and t.parent_hash is distinct from t.before_hash end) f
     order by 3
    $sql$, v_column, case when v_column = 'hash' then 'r.parent_hash' else 'null::bytea' end, v_stream.target,
    ampsync_private.in_blocks(v_stream.identity, '$1', '$2 + 1', 'r'),
    ampsync_private.block_key(v_stream.identity, 'r'))
    using v_stream.origin, v_stream.checkpoint_block, v_column = 'hash';

  return query
  select 'history differs', h.last_block, h.last_block,
         format('The rows have hash %s, the history %s.', encode(r.hash, 'hex'), encode(h.hash, 'hex'))
    from ampsync_private.history h
   cross join lateral ampsync_private.hash_in_rows(p_stream_id, v_column, h.last_block) r(hash)
   where h.stream_id = p_stream_id
     and r.hash <> h.hash
   order by 2;
end;
$$;

comment on function ampsync_private.find_hash_faults(bigint)
  is 'Blocks whose hashes in a stream''s rows contradict each other or the history.';
