-- Refuses rows fetched by a repair that do not belong to our chain: the last
-- block must have the hash given, if one is, and none may contradict the history.
-- No rows at all, rejected ones counted, are believed where the ledger agrees; elsewhere the server may
-- not hold these blocks (any more).
create or replace function ampsync_private.check_fetched(
  p_stream_id   bigint,
  p_first_block bigint,
  p_last_block  bigint,
  p_own_hash    bytea,
  p_rows        bigint
)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_column text := ampsync_private.hash_column(p_stream_id);
  v_fault  text;
begin
  if p_own_hash <> coalesce(ampsync_private.hash_in_rows(p_stream_id, v_column, p_last_block), '')
     or exists (select 1
                  from ampsync_private.history h
                 where h.stream_id = p_stream_id
                   and h.last_block between p_first_block and p_last_block
                   and h.hash <> ampsync_private.hash_in_rows(p_stream_id, v_column, h.last_block)) then
    v_fault := format('what the server sent for block %s does not have the hash that is held here', p_last_block);
  elsif p_rows = 0
     and exists (select 1
                   from ampsync_private.ledger l
                   join ampsync_private.stream s using (stream_id)
                  cross join lateral ampsync_private.measure_rows(s.target, array[l.first_block], array[l.last_block]) m
                  where l.stream_id = p_stream_id
                    and l.last_block >= p_first_block
                    and l.first_block <= p_last_block
                    and (m.row_count, m.id_xor) <> (l.row_count, l.id_xor)) then
    v_fault := format('the server has no rows for blocks %s to %s', p_first_block, p_last_block);
  end if;

  if v_fault is not null then
    raise exception using
      errcode = 'SY101',
      message = v_fault,
      detail  = 'Nothing was written; the rows stay as they were.',
      hint    = 'It is tried again by itself; select * from ampsync.events;';
  end if;
end;
$$;

comment on function ampsync_private.check_fetched(bigint, bigint, bigint, bytea, bigint)
  is 'Raise SY101 where the rows of a repair are not those of our chain.';
