-- The newest block that has a row in a stream's target; null if the target is empty.
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
  v_target regclass;
  v_block  bigint;
begin
  select s.target into strict v_target
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;

  execute format('select ampsync_private.block_of(t._id) from %s t order by t._id desc limit 1', v_target)
     into v_block;
  return v_block;
end;
$$;

comment on function ampsync_private.newest_row(bigint)
  is 'The newest block that has a row in a stream''s target.';
