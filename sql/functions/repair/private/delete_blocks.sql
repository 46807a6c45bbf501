-- Deletes the rows of a range of blocks from a stream's target, and the rejected rows of these
-- blocks; returns the number of rows deleted. For repairs, whose transaction copies the same
-- blocks again.
--
-- Locks: target rows, rejected rows.
create or replace function ampsync_private.delete_blocks(
  p_stream_id   bigint,
  p_first_block bigint,
  p_last_block  bigint
)
  returns bigint
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_stream  ampsync_private.stream;
  v_deleted bigint;
begin
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;

  v_deleted := ampsync_private.delete_rows(v_stream.target, v_stream.identity, p_first_block, p_last_block + 1);

  delete from ampsync_private.reject r
   where r.stream_id = p_stream_id
     and r.block between p_first_block and p_last_block;

  return v_deleted;
end;
$$;

comment on function ampsync_private.delete_blocks(bigint, bigint, bigint)
  is 'Delete the rows of a range of blocks from a stream''s target; returns their number.';
