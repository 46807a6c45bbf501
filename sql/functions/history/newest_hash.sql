-- The newest block, up to a given one, whose hash a stream holds: in its rows if they carry the
-- hash of their block, else in its history. No row if it holds none. With this hash the answer
-- of a server that is behind the checkpoint can be compared. hash_column: the column of the
-- rows; null if the hash is from the history.
create or replace function ampsync_worker.newest_hash(
  p_stream_id bigint,
  p_block     bigint
)
  returns table (block bigint, hash bytea, hash_column text)
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
#variable_conflict use_column
declare
  v_column text := ampsync_private.hash_column(p_stream_id);
  v_stream ampsync_private.stream;
  v_block  bigint;
begin
  if v_column is not null then
    select * into strict v_stream
      from ampsync_private.stream s
     where s.stream_id = p_stream_id;

    execute format('select %s from %s t where %s order by %s desc limit 1',
                   ampsync_private.row_block(v_stream.identity), v_stream.target,
                   ampsync_private.in_blocks(v_stream.identity, null, '$1'),
                   ampsync_private.block_key(v_stream.identity))
       into v_block
      using p_block + 1;
    return query
    select v_block, r.hash, v_column
      from ampsync_private.hash_in_rows(p_stream_id, v_column, v_block) r(hash)
     where r.hash is not null;
    if found then
      return;
    end if;
  end if;

  return query
  select h.last_block, h.hash, null::text
    from ampsync_private.history h
   where h.stream_id = p_stream_id
     and h.last_block <= p_block
   order by h.last_block desc
   limit 1;
end;
$$;

comment on function ampsync_worker.newest_hash(bigint, bigint)
  is 'The newest block, up to a given one, whose hash a stream holds.';
