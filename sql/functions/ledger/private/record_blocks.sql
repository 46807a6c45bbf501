-- Updates the ledger for a range of blocks whose rows were just fetched: entries within the
-- range are measured again, blocks without an entry get one. Entries that reach beyond the
-- range stay.
--
-- Locks: ledger rows of the stream.
create or replace function ampsync_private.record_blocks(
  p_stream_id   bigint,
  p_first_block bigint,
  p_last_block  bigint
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_firsts bigint[];
  v_lasts  bigint[];
begin
  with entry as (
    select l.first_block, l.last_block
      from ampsync_private.ledger l
     where l.stream_id = p_stream_id
       and l.last_block >= p_first_block
       and l.first_block <= p_last_block
  ),
  part as (
    select e.first_block, e.last_block
      from entry e
     where e.first_block >= p_first_block
       and e.last_block <= p_last_block
     union all
    select lower(g.range), upper(g.range) - 1
      from unnest(int8multirange(int8range(p_first_block, p_last_block, '[]'))
                  - coalesce((select range_agg(int8range(e.first_block, e.last_block, '[]'))
                                from entry e), '{}')) g(range)
  )
  select array_agg(p.first_block), array_agg(p.last_block) into v_firsts, v_lasts
    from part p;

  insert into ampsync_private.ledger as l (stream_id, first_block, last_block, row_count, id_xor)
  select p_stream_id, m.first_block, m.last_block, m.row_count, m.id_xor
    from ampsync_private.stream s
   cross join lateral ampsync_private.measure_rows(s.target, s.identity, v_firsts, v_lasts) m
   where s.stream_id = p_stream_id
  on conflict on constraint ledger_pkey do update -- An entry within the range.
     set row_count = excluded.row_count, id_xor = excluded.id_xor;
end;
$$;

comment on function ampsync_private.record_blocks(bigint, bigint, bigint)
  is 'Update a stream''s ledger for blocks that were just fetched again.';
