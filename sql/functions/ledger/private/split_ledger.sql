-- Splits the ledger entries that reach beyond a range of blocks at the borders of the range, if
-- their rows are all there: a repair can then say what its own blocks hold, which is more if
-- rows arrive that were rejected before. An entry whose rows are damaged stays whole, because
-- nobody knows any more what each part of it held.
--
-- Called by begin_repair before the rows are deleted. Locks: ledger rows of the stream.
create or replace function ampsync_private.split_ledger(
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
  v_stream ampsync_private.stream;
  v_firsts bigint[];
  v_lasts  bigint[];
begin
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;

  with crossing as (
    select l.first_block, l.last_block, l.row_count, l.id_xor
      from ampsync_private.ledger l
     where l.stream_id = p_stream_id
       and l.last_block >= p_first_block
       and l.first_block <= p_last_block
       and (l.first_block < p_first_block or l.last_block > p_last_block)
  ),
  sound as (
    delete from ampsync_private.ledger l
     using crossing c
     cross join lateral ampsync_private.measure_rows(
       v_stream.target, v_stream.identity, array[c.first_block], array[c.last_block]) m
     where l.stream_id = p_stream_id
       and l.last_block = c.last_block
       and (m.row_count, m.id_xor) = (c.row_count, c.id_xor)
    returning l.first_block, l.last_block
  )
  select array_agg(lower(p.part)), array_agg(upper(p.part) - 1) into v_firsts, v_lasts
    from sound s
   cross join lateral unnest(array[
      int8range(s.first_block, s.last_block, '[]') * int8range(null, p_first_block),
      int8range(s.first_block, s.last_block, '[]') * int8range(p_first_block, p_last_block, '[]'),
      int8range(s.first_block, s.last_block, '[]') * int8range(p_last_block + 1, null)]) p(part)
   where not isempty(p.part);

  insert into ampsync_private.ledger (stream_id, first_block, last_block, row_count, id_xor)
  select p_stream_id, m.first_block, m.last_block, m.row_count, m.id_xor
    from ampsync_private.measure_rows(v_stream.target, v_stream.identity, v_firsts, v_lasts) m;
end;
$$;

comment on function ampsync_private.split_ledger(bigint, bigint, bigint)
  is 'Split the sound ledger entries that reach beyond a range of blocks at its borders.';
