-- What is wrong with the rows of one stream according to its ledger: rows outside of what was
-- loaded, blocks that the ledger does not cover, and ranges that do not hold the rows they
-- must. See ampsync.verify.
--
-- entry_first, entry_last, found_count, row_count: the ledger entry and how many rows its blocks hold
-- and must hold; null where no entry is at fault.
create or replace function ampsync_private.find_ledger_faults(
  p_stream_id bigint
)
  returns table (
    finding     text,
    first_block bigint,
    last_block  bigint,
    detail      text,
    entry_first bigint,
    entry_last  bigint,
    found_count bigint,
    row_count   bigint
  )
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
  v_entry  record;
begin
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;

  return query execute format(
    $sql$
    select 'rows outside', min(%2$s), max(%2$s),
           format('%%s rows below the first block, %%s', count(*), coalesce($1::text, 'none')),
           null::bigint, null::bigint, null::bigint, null::bigint
      from %1$s t where %3$s having count(*) > 0
    union all
    select 'rows outside', min(%2$s), max(%2$s),
           format('%%s rows above the checkpoint, %%s', count(*), coalesce($2::text, 'none')),
           null::bigint, null::bigint, null::bigint, null::bigint
      from %1$s t where %4$s having count(*) > 0
    $sql$, v_stream.target, ampsync_private.row_block(v_stream.identity),
    ampsync_private.in_blocks(v_stream.identity, null, '$1'),
    ampsync_private.in_blocks(v_stream.identity, 'coalesce($2 + 1, 0)', null))
    using v_stream.origin, v_stream.checkpoint_block;

  -- The last line stands for the entry that the next commit will append.
  return query
  select case when e.first_block > e.before + 1 then 'ledger gap' else 'ledger overlap' end,
         least(e.before + 1, e.first_block), greatest(e.first_block - 1, e.before),
         'The ledger does not cover these blocks exactly once.',
         null::bigint, null::bigint, null::bigint, null::bigint
    from (select l.first_block, coalesce(lag(l.last_block) over (order by l.last_block), v_stream.origin - 1) as before
            from (select l.first_block, l.last_block
                    from ampsync_private.ledger l
                   where l.stream_id = p_stream_id
                   union all
                  select v_stream.checkpoint_block + 1, null) l) e
   where e.first_block <> e.before + 1;

  for v_entry in
    select l.first_block, l.last_block, l.row_count, l.id_xor,
           m.row_count as found_count, m.id_xor as found_xor
      from (select array_agg(r.first_block) as firsts, array_agg(r.last_block) as lasts
              from ampsync_private.ledger r
             where r.stream_id = p_stream_id) a
     cross join lateral ampsync_private.measure_rows(
       v_stream.target, v_stream.identity, a.firsts, a.lasts) m
      join ampsync_private.ledger l
        on l.stream_id = p_stream_id and l.first_block = m.first_block and l.last_block = m.last_block
     where (m.row_count, m.id_xor) <> (l.row_count, l.id_xor)
     order by l.last_block
  loop
    return query
    select f.finding, f.first_block, f.last_block,
           format('%s rows in blocks %s to %s, where %s were loaded.', v_entry.found_count,
                  v_entry.first_block, v_entry.last_block, v_entry.row_count),
           v_entry.first_block, v_entry.last_block, v_entry.found_count, v_entry.row_count
      from ampsync_private.narrow_fault(p_stream_id, v_entry.first_block, v_entry.last_block, v_entry.row_count,
                                        v_entry.found_count, v_entry.id_xor # v_entry.found_xor) f;
  end loop;
end;
$$;

comment on function ampsync_private.find_ledger_faults(bigint)
  is 'Ranges of blocks that do not hold the rows that the ledger of a stream says they must.';
