-- The hash that one column of a stream's target holds in the rows of one block. Null if the
-- block has no row, or the column holds no hash there.
create or replace function ampsync_private.hash_in_rows(
  p_stream_id bigint,
  p_column    text,
  p_block     bigint
)
  returns bytea
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_stream ampsync_private.stream;
  v_hash   bytea;
begin
  if p_column is null then
    return null;
  end if;

  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;

  execute format('select t.%I from %s t where %s limit 1', p_column, v_stream.target,
                 ampsync_private.in_blocks(v_stream.identity, '$1', '$2'))
     into v_hash
    using p_block, p_block + 1;

  return case when octet_length(v_hash) = 32 then v_hash end;
end;
$$;

comment on function ampsync_private.hash_in_rows(bigint, text, bigint)
  is 'The hash that a column of a stream''s target holds in the rows of a block.';
