-- Rejects columns with which a resync or an upgrade of a stream could not end: its target has
-- others, and cannot be replaced because of what depends on it. Asked before the long load, and
-- again at the swap.
create or replace function ampsync_private.check_swappable(
  p_stream_id     bigint,
  p_has_block_num boolean,
  p_columns       jsonb
)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_stream ampsync_private.stream;
begin
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  if not ampsync_private.has_columns(v_stream, p_has_block_num, p_columns) then
    perform ampsync_private.check_replaceable(v_stream.target, p_columns, v_stream.columns, p_has_block_num,
                                               v_stream.identity);
  end if;
end;
$$;

comment on function ampsync_private.check_swappable(bigint, boolean, jsonb)
  is 'Raise SY201 unless rows of these columns can take the place of those of a stream.';
