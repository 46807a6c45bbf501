-- Rejects rows fetched by a repair that are not those of our chain, or not all of them:
--   - the last block must have the given hash, if there is one, and must exist in a table
--     with a row for each block; no block may contradict the history
--   - no range of the ledger may end up with fewer rows than were loaded, rejected ones
--     counted, unless the repair was requested with accept_fewer
--   - of a ledger entry that reaches beyond the repaired blocks and lacks rows, nobody knows
--     how many each part had: there must be some, and no fewer than before
--
-- p_rows: rows sent, those in p_rejected included (see record_values).
create or replace function ampsync_private.check_fetched(
  p_stream_id   bigint,
  p_first_block bigint,
  p_last_block  bigint,
  p_own_hash    bytea,
  p_rows        bigint,
  p_rejected    jsonb
)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  -- Within the history the name decides: rows of another chain must not disqualify the column.
  v_column      text := case when p_own_hash is null then ampsync_private.hash_column(p_stream_id)
                             else ampsync_private.named_hash_column(p_stream_id) end;
  v_repair      ampsync_private.repair;
  v_hash        bytea;
  v_is_rejected boolean;
  v_fewer       record;
begin
  select * into strict v_repair
    from ampsync_private.repair r
   where r.stream_id = p_stream_id
     and r.first_block = p_first_block;

  v_hash := ampsync_private.hash_in_rows(p_stream_id, v_column, p_last_block);
  v_is_rejected := exists (select 1
                             from jsonb_array_elements(p_rejected) r
                            where (r.value ->> 'block')::bigint = p_last_block);
  if v_hash <> p_own_hash
     or v_hash is null and (p_own_hash is not null or v_column = 'hash') and not v_is_rejected
     or exists (select 1
                  from ampsync_private.history h
                 where h.stream_id = p_stream_id
                   and h.last_block between p_first_block and p_last_block
                   and h.hash <> ampsync_private.hash_in_rows(p_stream_id, v_column, h.last_block)) then
    raise exception using
      errcode = 'SY101',
      message = format('what the server sent for block %s does not have the hash that is held here', p_last_block),
      detail  = 'Nothing was written; the rows stay as they were.',
      hint    = 'Retried automatically: select * from ampsync.repairs;';
  end if;

  select e.*, coalesce(m.row_count, 0) + coalesce(j.rejected, 0) as found into v_fewer
    from ampsync_private.stream s
    join ampsync_private.ledger e using (stream_id)
   cross join lateral ampsync_private.measure_rows(
     s.target, s.identity, array[e.first_block], array[e.last_block]) m
   cross join lateral (
      select count(*) as rejected
        from jsonb_array_elements(p_rejected) r
       where (r.value ->> 'block')::bigint between e.first_block and e.last_block) j
   where s.stream_id = p_stream_id
     and e.last_block >= p_first_block
     and e.first_block <= p_last_block
     and case when e.first_block >= p_first_block and e.last_block <= p_last_block
                then m.row_count + j.rejected < e.row_count
              when p_rows = 0 then (m.row_count, m.id_xor) <> (e.row_count, e.id_xor)
              else p_rows < v_repair.rows_before and m.row_count + j.rejected < e.row_count end
   order by e.last_block
   limit 1;

  if found and not v_repair.accept_fewer then
    raise exception using
      errcode = 'SY101',
      message = format('with what the server sent, blocks %s to %s would have %s rows, and %s were loaded',
                       v_fewer.first_block, v_fewer.last_block, v_fewer.found, v_fewer.row_count),
      detail  = format('It sent %s rows for blocks %s to %s. Nothing was written; the rows stay as they were.',
                       p_rows, p_first_block, p_last_block),
      hint    = (select format('select ampsync.repair(%L, %L, %s, %s, accept_fewer => true); '
                               '-- only if the server is right',
                               ampsync_private.stream_label(p_stream_id), s.table_name, p_first_block, p_last_block)
                   from ampsync_private.stream s
                  where s.stream_id = p_stream_id);
  end if;
end;
$$;

comment on function ampsync_private.check_fetched(bigint, bigint, bigint, bytea, bigint, jsonb)
  is 'Raise SY101 if the rows of a repair are not those of our chain, or fewer than were loaded.';
