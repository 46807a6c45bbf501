-- The newest block that has a row in a stream's target; null if the target is empty. The caller holds the
-- target (hold_target).
create or replace function ampsync_private.newest_row(
  p_stream_id bigint
)
  returns bigint
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_stream ampsync_private.stream;
  v_block  bigint;
begin
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;

  execute format('select %s from %s t order by %s desc limit 1', ampsync_private.row_block(v_stream.identity),
                 v_stream.target, ampsync_private.block_key(v_stream.identity))
     into v_block;
  return v_block;
end;
$$;

comment on function ampsync_private.newest_row(bigint)
  is 'The newest block that has a row in a stream''s target.';
