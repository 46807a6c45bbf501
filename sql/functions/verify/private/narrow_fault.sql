-- Where exactly a range of blocks does not hold what its ledger entry says, as far as its rows
-- show:
--   - if each block has one row: the blocks that have none or several
--   - a single extra row is the one whose `_id` ends like the difference of the xors, which
--     identity `transaction` has not
--   - otherwise the whole range
create or replace function ampsync_private.narrow_fault(
  p_stream_id   bigint,
  p_first_block bigint,
  p_last_block  bigint,
  p_row_count   bigint,
  p_found_count bigint,
  p_xor         bigint
)
  returns table (finding text, first_block bigint, last_block bigint)
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
#variable_conflict use_column
declare
  v_stream ampsync_private.stream;
begin
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;

  if v_stream.has_block_num and p_row_count = p_last_block - p_first_block + 1 then
    return query execute format(
      $sql$
      select case when r.row_count = 0 then 'missing block' else 'extra rows' end, min(r.block), max(r.block)
        from (select b.block, count(%2$s) as row_count,
                     b.block - row_number() over (partition by sign(count(%2$s)) order by b.block) as island
                from generate_series($1, $2) b(block)
                left join %1$s t
                  on %3$s
               group by b.block
              having count(%2$s) <> 1) r
       group by r.island, r.row_count = 0
       order by 2
      $sql$, v_stream.target, ampsync_private.block_key(v_stream.identity),
      ampsync_private.in_blocks(v_stream.identity, 'b.block', 'b.block + 1'))
      using p_first_block, p_last_block;
    if found then
      return;
    end if;
  end if;

  if p_found_count = p_row_count + 1 and v_stream.identity = 'content' then
    return query execute format(
      $sql$
      select 'extra rows',
             case when $4 then ampsync_private.block_of(t._id) else $1 end,
             ampsync_private.block_of(t._id)
        from %s t
       where t._id >= ampsync_private.block_prefix($1) and t._id < ampsync_private.block_prefix($2 + 1)
         and substr(t._id, 9) = int8send($3)
       limit 1
      $sql$, v_stream.target)
      using p_first_block, p_last_block, p_xor, v_stream.has_block_num;
    if found then
      return;
    end if;
  end if;

  return query
  select case when p_found_count < p_row_count then 'missing rows'
              when p_found_count > p_row_count then 'extra rows'
              else 'changed rows' end, p_first_block, p_last_block;
end;
$$;

comment on function ampsync_private.narrow_fault(bigint, bigint, bigint, bigint, bigint, bigint)
  is 'The narrowest ranges in which the rows of a stream differ from a ledger entry.';
